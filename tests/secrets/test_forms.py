"""However a secret is quoted, it's masked; what can't be masked is said, refused, and stays tainted."""

import html
import json
import re
import shlex
import subprocess
import urllib.parse

import jinja2
import pytest
import yaml

from cdconf.agent.edit import edit_toml, yaml_values
from cdconf.agent.edit.edit_ini import _quote
from cdconf.agent.switch import switch
from cdconf.agent.system import fstab, postgres
from cdconf.catalog import Compiler
from cdconf.errors import SecretError
from cdconf.inventory import load_environment, load_project
from cdconf.resources.cron.spec import escape
from cdconf.secrets import Mask
from tests.conftest import CDCONF, cdconf, write
from tests.secrets.test_edit import keyed, store

__all__ = ["keyed"]

VALUES = [
    'it\'s "so" & 100%',
    "back\\slash $HOME `id`",
    "ein Wört <b>☃</b>",
    "{{ braces }} #x: y",
    "- a: [b], {c}",
    " 10% of\ttabs ",
    "null-ish: ~yes",
    "x" * 60 + " " + "y" * 60 + " z",
    "\u2028odd\x85ones\x7f",
    "%h/%i\\x20",
]
ENVIRONMENT = jinja2.Environment(autoescape=False)


def by(template, value):
    return ENVIRONMENT.from_string(template).render(value=value)


QUOTINGS = {
    "shell": shlex.quote,
    "shell file": lambda value: _quote(value, '""'),
    "shell file, single": lambda value: _quote(value, "''"),
    "json": json.dumps,
    "json as it's written": lambda value: json.dumps(value, ensure_ascii=False),
    "yaml": yaml_values.scalar,
    "yaml, single": lambda value: yaml_values.scalar(value, "'"),
    "yaml, double": lambda value: yaml_values.scalar(value, '"'),
    "yaml of a filter": lambda value: yaml.safe_dump({"a": value}, width=10**9, allow_unicode=True),
    "toml": edit_toml.dump,
    "sql": postgres.literal,
    "unit": switch._quoted,
    "fstab": fstab.encode,
    "crontab": escape,
    "url": lambda value: urllib.parse.quote(value, safe=""),
    "path of a url": urllib.parse.quote,
    "form": urllib.parse.quote_plus,
    "html": html.escape,
    "filter e": lambda value: by("{{ value|e }}", value),
    "filter tojson": lambda value: by("{{ value|tojson }}", value),
    "filter urlencode": lambda value: by("{{ value|urlencode }}", value),
    "repr": repr,
    "repr of bytes": lambda value: repr(value.encode()),
    "hex": lambda value: value.encode().hex().upper(),
}


@pytest.mark.parametrize("quoting", QUOTINGS)
@pytest.mark.parametrize("value", VALUES)
def test_every_quoting_is_masked(quoting, value):
    mask = Mask()
    mask.add(value)
    quoted = QUOTINGS[quoting](value)
    left = mask(f"begin {quoted} end")
    words = re.findall(r"[a-zA-Zö☃]{3,}", left.removeprefix("begin").removesuffix("end"))
    assert [word for word in words if word in value] == [], left


def test_to_yaml_takes_a_secret_on_one_line(keyed):
    store(keyed).set("long", "word " * 40 + "end")
    role = "variables: {long: {secret: true}}\nresources:\n  - file: /x\n    mode: '0600'\n    content: "
    write(keyed, {"roles/base/role.yml": role + "\"{{ {'a': [long], 'b': long}|to_yaml }}\"\n"})
    project = load_project(keyed)
    environment = load_environment(project, "dev")
    compiler = Compiler(project, environment)
    (one,) = compiler.compile(environment.hosts["web1"], {}).resources
    value = "word " * 40 + "end"
    assert yaml.safe_load(str(one.fields["content"])) == {"a": [value], "b": value}
    assert "word" not in compiler.mask(one.fields["content"])


@pytest.mark.parametrize("value", ["äöü", "abc", "web1", "db1", "web", "true", "False", "token", "hosts", "path"])
def test_a_value_that_cannot_be_masked_is_refused(keyed, value):
    before = (keyed / "inventories/dev/secrets.yml").read_text()
    with pytest.raises(SecretError, match="the secret 'fresh' couldn't be masked") as caught:
        store(keyed).set("fresh", value)
    assert f"'{value}'" not in str(caught.value)
    assert (keyed / "inventories/dev/secrets.yml").read_text() == before


def test_runs_name_those_that_are_there_and_cannot_be_masked(keyed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("cdconf.secrets.store.why", lambda value, words: None)
        store(keyed).change({"pin": "417", "name": "web1"})
    role = "variables: {pin: {secret: true}, name: {secret: true}}\nresources:\n  - file: /x\n    mode: '0600'\n"
    write(keyed, {"roles/base/role.yml": role + '    content: "{{ pin }} {{ name }}"\n'})
    done = cdconf(keyed, "vars", "dev", "web1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("name, pin can't be masked: too short, or a word that runs show anyway") == 1
    assert "417" not in done.stdout
    assert re.search(r"pin .*\*\*\*", done.stdout)
    project = load_project(keyed)
    environment = load_environment(project, "dev")
    compiler = Compiler(project, environment)
    (one,) = compiler.compile(environment.hosts["web1"], {}).resources
    assert one.sensitive
    assert compiler.mask("web1: ok=1 417") == "web1: ok=1 417"
    assert cdconf(keyed, "secret", "rekey", "dev").returncode == 0


@pytest.mark.parametrize("value", [b"two\nlines\n", b"\r\nwindows\r\n", b" blanks ", "Wört ☃".encode(), b"no newline"])
def test_bytes_come_back_as_they_were(keyed, value):
    command = [*CDCONF, "secret", "set", "dev", "blob"]
    subprocess.run(command, cwd=keyed, input=value + b"\n", check=True, capture_output=True, timeout=60)
    command = [*CDCONF, "secret", "get", "dev", "blob"]
    got = subprocess.run(command, cwd=keyed, check=True, capture_output=True, timeout=60)
    assert got.stdout == value


def test_what_is_not_utf_8_is_refused(keyed):
    command = [*CDCONF, "secret", "set", "dev", "blob"]
    done = subprocess.run(command, cwd=keyed, input=b"a\xff\xfe", check=False, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert b"a secret must be UTF-8, and byte 1 isn't" in done.stderr
