"""Secrets from where the operator has them: variables, credentials, commands; which they are, no project can say."""

import json
import os

import pytest

from cdconf.catalog import Compiler
from cdconf.catalog.explain import explain_host
from cdconf.errors import CdconfError, InvalidFile, SecretError
from cdconf.inventory import load_environment, load_project
from cdconf.secrets import is_tainted
from cdconf.secrets.offline import OfflineSecrets
from tests.conftest import cdconf, write
from tests.secrets.two_secrets import ROLE, store

# Notes each call, and answers what `answers` has.
COMMAND = """#!/bin/sh
tee -a "$HERE/asked" >/dev/null
echo "$0 $*" >> "$HERE/calls"
cat "$HERE/answer"
exit "$(cat "$HERE/status" 2>/dev/null || echo 0)"
"""
PASS = """#!/bin/sh
echo "$*" >> "$HERE/calls"
[ "$1 $2" = "show --" ] || exit 9
[ -e "$HERE/store/$3" ] || { echo "Error: $3 is not in the password store." >&2; exit 1; }
cat "$HERE/store/$3"
"""
OP = """#!/bin/sh
echo "$*" >> "$HERE/calls"
sed -e 's/{{ op:..Servers.dev.pw }}/sesame-one/' -e 's/{{ op:..Servers.dev.other }}/sesame-two/'
"""


@pytest.fixture
def place(project, tmp_path_factory, monkeypatch):
    """A folder outside of the project: with the operator's file and with commands; `place(text)` writes the file."""
    folder = tmp_path_factory.mktemp("operator")
    monkeypatch.setenv("HERE", str(folder))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("CDCONF_SECRETS", str(folder / "sources.yml"))
    write(project, {"roles/base/role.yml": ROLE})

    def written(text, **commands):
        write(folder, {"sources.yml": text})
        for name, script in commands.items():
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        return folder

    return written


def catalogs(project, *hosts):
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    compiler = Compiler(loaded, environment)
    compiler.fetch_secrets([environment.hosts[name] for name in hosts])
    return compiler, [compiler.compile(environment.hosts[name], {}) for name in hosts]


def test_variables_of_the_environment(project, place, monkeypatch):
    place("sources:\n  - environment: 'SHOP_{NAME}'\n")
    monkeypatch.setenv("SHOP_PW", "sesame-one")
    monkeypatch.setenv("SHOP_OTHER", "sesame-two")
    compiler, (catalog,) = catalogs(project, "web1")
    content = catalog.resources[0].fields["content"]
    assert content == "sesame-one sesame-two"
    assert is_tainted(content)
    assert compiler.mask(f"a {content} b") == "a *** *** b"


def test_credentials_of_a_unit(project, place, monkeypatch, tmp_path):
    place("sources:\n  - credentials: '{name}'\n")
    write(tmp_path, {"lent/pw": "sesame\nsecond\n"})
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "lent"))
    assert store(project).get("pw") == "sesame\nsecond"
    assert store(project).get("other") is None


def test_without_a_unit_there_are_no_credentials(project, place, monkeypatch):
    folder = place("sources:\n  - credentials: '{name}'\n")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretError, match=r"the source `credentials` can't be asked for pw: .* isn't set") as caught:
        store(project).get("pw")
    assert (caught.value.file, caught.value.line) == (str(folder / "sources.yml"), 2)


def test_a_command_is_called_once_for_all_hosts(project, place):
    folder = place("sources:\n  - command: [fetch, '{environment}']\n", fetch=COMMAND)
    (folder / "answer").write_text('{"pw": "sesame-one", "other": "sesame-two", "more": "x"}')
    _, found = catalogs(project, "web1", "db1")
    assert [one.resources[0].fields["content"] for one in found] == ["sesame-one sesame-two"] * 2
    assert (folder / "calls").read_text() == f"{folder}/fetch dev\n"
    asked = json.loads((folder / "asked").read_text())
    assert asked == {"project": "demo", "environment": "dev", "names": ["pw", "other"]}


def test_only_what_the_hosts_read_is_asked_for_and_not_what_secrets_yml_has(project, place, monkeypatch):
    write(
        project,
        {
            "cdconf.yml": "project: demo\ngroups:\n  db: [store]\n  web: [base]\n",
            "roles/store/role.yml": "variables:\n  deep: {secret: true, doc: x}\nresources:\n  - {directory: /d}\n",
        },
    )
    monkeypatch.setenv("CDCONF_AGE_IDENTITY", str(project / "age.txt"))
    key = cdconf(project, "secret", "key").stdout
    write(project, {"inventories/dev/recipients.txt": key})
    folder = place("sources:\n  - command: [fetch]\n", fetch=COMMAND)
    store(project).set("other", "sesame-two")
    (folder / "answer").write_text('{"pw": "sesame-one"}')
    _, (catalog,) = catalogs(project, "web1")
    assert catalog.resources[0].fields["content"] == "sesame-one sesame-two"
    assert json.loads((folder / "asked").read_text())["names"] == ["pw"]


def test_sources_are_asked_in_their_order_for_what_is_missing(project, place, monkeypatch):
    others = "  - {command: [nothing], environments: [prod]}\n"
    folder = place(f"sources:\n  - environment: 'SHOP_{{NAME}}'\n  - command: [fetch]\n{others}", fetch=COMMAND)
    monkeypatch.setenv("SHOP_PW", "sesame-one")
    (folder / "answer").write_text('{"pw": "wrong-one", "other": "sesame-two"}')
    _, (catalog,) = catalogs(project, "web1")
    assert catalog.resources[0].fields["content"] == "sesame-one sesame-two"
    assert json.loads((folder / "asked").read_text())["names"] == ["other"]


def test_the_password_store(project, place):
    folder = place("sources:\n  - pass: '{project}/{environment}/{name}'\n", **{"pass": PASS})
    write(folder, {"store/demo/dev/pw": "sesame-one\nlogin: me\n"})
    found = store(project)
    assert (found.get("pw"), found.get("other")) == ("sesame-one", None)


@pytest.mark.parametrize("name", ["../../root", "a/b", "a b", "", "-c", "{environment}"])
def test_no_name_leads_elsewhere(project, place, name):
    """hosts.yml names the secret of `sudo_password`."""
    folder = place("sources:\n  - pass: '{project}/{environment}/{name}'\n", **{"pass": PASS})
    assert store(project).get(name) is None
    assert not (folder / "calls").exists()


def test_one_call_of_op_for_all(project, place):
    folder = place("sources:\n  - op: 'op://Servers/{environment}/{name}'\n", op=OP)
    _, (catalog,) = catalogs(project, "web1")
    assert catalog.resources[0].fields["content"] == "sesame-one sesame-two"
    assert (folder / "calls").read_text() == "inject\n"


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ("{}", "3", "`fetch` failed with exit status 3"),
        ("sesame", "0", "`fetch` doesn't answer a JSON object of texts"),
        ('{"pw": 1}', "0", "`fetch` doesn't answer a JSON object of texts"),
        ("[" * 100000, "0", "`fetch` doesn't answer a JSON object of texts"),
    ],
)
def test_a_command_that_fails_ends_the_run_and_shows_no_answer(project, place, answer, status, message):
    folder = place("sources:\n  - command: [fetch]\n", fetch=COMMAND)
    (folder / "answer").write_text(answer)
    (folder / "status").write_text(status)
    found = store(project)
    for _ in range(2):
        with pytest.raises(SecretError) as caught:
            found.fetch(["pw"])
        assert str(caught.value).endswith(f"the source `command` can't be asked for pw: {message}")
    assert (folder / "calls").read_text().count("\n") == 1, "it's asked again"


def test_a_command_that_waits_for_a_password_is_ended(project, place):
    place("sources:\n  - {command: [slow], within: 0.2}\n", slow="#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(SecretError, match=r"`slow` hasn't answered within 0\.2 s"):
        store(project).get("pw")


def test_a_command_that_is_not_there(project, place):
    place("sources:\n  - command: [no-such-command]\n")
    with pytest.raises(SecretError, match="`no-such-command` can't be started: No such file or directory"):
        store(project).get("pw")


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("sources: 1", "'sources' must be a list of maps", 1),
        ("sources:\n  - x", "'sources' must be a list of maps", 1),
        ("more: 1", "there is no key 'more' here, only `sources`", 1),
        ("sources:\n  - {}", "'sources' must be a list of maps", 1),
        ("sources:\n  - {environment: 'A_{name}', pass: '{name}'}", "a source has one kind", 2),
        ("sources:\n  - passs: '{name}'", "there is no source 'passs'", 2),
        ("sources:\n  - environment: SHOP", "the source 'environment' can't be used: it must be a text with {name}", 2),
        ("sources:\n  - command: fetch --all", "the source 'command' can't be used: it must be a list", 2),
        ("sources:\n  - op: 'Servers/{name}'", "the source 'op' can't be used: it must begin with op://", 2),
        ("sources:\n  - {pass: '{name}', environments: dev}", "'environments' must be a list of names", 2),
        ("sources:\n  - {pass: '{name}', within: 0}", "'within' must be seconds, 600 at most", 2),
    ],
)
def test_a_file_that_breaks_a_rule(project, place, text, message, line):
    folder = place(text)
    with pytest.raises(InvalidFile) as caught:
        store(project).get("pw")
    assert caught.value.message.startswith(message)
    assert (caught.value.file, caught.value.line) == (str(folder / "sources.yml"), line)


def test_the_file_cannot_be_in_the_project(project, place, monkeypatch):
    """A commit could say what runs on the machine of whoever plans it."""
    place("sources: []")
    write(project, {"mine.yml": "sources:\n  - command: [touch, ran]\n"})
    for name in ("mine.yml", "link.yml"):
        monkeypatch.setenv("CDCONF_SECRETS", str(project / name))
        if name == "link.yml":
            (project / name).symlink_to("mine.yml")
        with pytest.raises(SecretError, match="is inside the project"):
            store(project).get("pw")


def test_the_file_is_the_operators_alone(project, place):
    folder = place("sources: []")
    (folder / "sources.yml").chmod(0o664)
    with pytest.raises(SecretError, match="others can write to"):
        store(project).get("pw")


def test_a_file_that_is_named_must_be_there(project, place, monkeypatch):
    monkeypatch.setenv("CDCONF_SECRETS", "/no/such/file")
    with pytest.raises(SecretError, match=r"\$CDCONF_SECRETS names /no/such/file, which isn't there"):
        store(project).get("pw")


def test_who_only_looks_at_files_asks_nobody(project, place):
    folder = place("sources:\n  - command: [fetch]\n", fetch=COMMAND)
    loaded = load_project(project)
    assert OfflineSecrets(loaded, load_environment(loaded, "dev")).get("pw") is None
    assert not (folder / "calls").exists()


def test_a_value_that_cannot_be_masked_is_refused(project, place, monkeypatch):
    place("sources:\n  - environment: '{name}'\n")
    monkeypatch.setenv("pw", "abc")
    with pytest.raises(SecretError, match="the secret 'pw' couldn't be masked"):
        store(project).get("pw")


def test_vars_tells_the_source_and_not_the_value(project, place, monkeypatch):
    place("sources:\n  - environment: 'SHOP_{NAME}'\n")
    monkeypatch.setenv("SHOP_PW", "sesame-one")
    done = cdconf(project, "vars", "dev", "web1", "--explain")
    assert "environment (" in done.stdout
    assert "sesame" not in done.stdout + done.stderr


def test_a_source_that_is_down_ends_provision_before_anything(project, place):
    place("sources:\n  - command: [no-such-command]\n")
    done = cdconf(project, "provision", "dev")
    assert done.returncode == 1
    assert "the source `command` can't be asked for pw, other" in done.stderr
    assert "192.0.2.1" not in done.stderr, "hosts were connected to"


def test_a_package_can_bring_a_source(project, place, monkeypatch):
    class Point:
        name = "vault-of-ours"

        def load(self):
            def make(given):
                if given != "here":
                    raise ValueError("it must be 'here'")
                return self

            return make

        def read(self, wanted):
            return {name: f"sesame-{name}" for name in wanted.names}

    place("sources:\n  - vault-of-ours: here\n")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()])
    assert store(project).get("pw") == "sesame-pw"


def test_an_error_that_is_shown_twice_is_the_same(project, place):
    place("sources:\n  - command: [no-such-command]\n")
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    compiler = Compiler(loaded, environment)
    with pytest.raises(CdconfError) as first:
        compiler.compile(environment.hosts["web1"], {})
    with pytest.raises(CdconfError) as second:
        compiler.compile(environment.hosts["web1"], {})
    assert str(first.value) == str(second.value)


def test_explain_knows_where_a_secret_is_from(project, place, monkeypatch):
    folder = place("sources:\n  - environment: 'SHOP_{NAME}'\n")
    monkeypatch.setenv("SHOP_PW", "sesame-one")
    loaded = load_project(project)
    environment = load_environment(loaded, "dev")
    found = explain_host(Compiler(loaded, environment), environment.hosts["web1"], {})
    assert found["pw"]["value"] == "***"
    assert found["pw"]["source"] == f"environment ({folder}/sources.yml:2)"


def test_a_pipe_in_the_place_of_the_operators_file_is_named_and_not_waited_for(project, monkeypatch, tmp_path_factory):
    pipe = tmp_path_factory.mktemp("outside") / "pipe"
    os.mkfifo(pipe, 0o600)
    monkeypatch.setenv("CDCONF_SECRETS", str(pipe))
    with pytest.raises(SecretError, match="it's a pipe or a device, not a file"):
        store(project).get("pw")


def test_lint_names_the_sources_for_a_secret_that_is_not_set(project, place):
    folder = place("sources:\n  - environment: 'SHOP_{NAME}'\n  - pass: '{name}'\n", **{"pass": PASS})
    done = cdconf(project, "lint")
    hint = "set it with `cdconf secret set dev pw`, or in one of your sources (environment, pass, see "
    assert f"{hint}{folder}/sources.yml)" in done.stdout + done.stderr


def test_lint_names_the_place_of_sources_where_there_are_none(project, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CDCONF_SECRETS", raising=False)
    write(project, {"roles/base/role.yml": ROLE})
    done = cdconf(project, "lint")
    hint = "set it with `cdconf secret set dev pw`, or name a source that has it in ~/.config/cdconf/secrets/demo.yml"
    assert hint in done.stdout + done.stderr


def test_lint_does_not_miss_a_generated_secret_that_a_source_has(project, place, monkeypatch):
    place("sources:\n  - environment: 'SHOP_{NAME}'\n")
    write(project, {"roles/base/role.yml": ROLE.replace("secret: true", "secret: {generate: 20}", 1)})
    monkeypatch.setenv("SHOP_OTHER", "sesame-two")
    assert "missing_secret" in cdconf(project, "lint", "--json").stdout
    monkeypatch.setenv("SHOP_PW", "sesame-one")
    assert "missing_secret" not in cdconf(project, "lint", "--json").stdout
