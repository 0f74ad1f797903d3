"""Each file that can't be meant as it is gives one clear error with file and line, and never looks like a bug."""

import itertools
import random

import pytest
import yaml

from cdconf.catalog import Compiler
from cdconf.errors import CdconfError
from cdconf.facts import sample
from cdconf.inventory import load_environment, load_project
from cdconf.lint.project import lint
from cdconf.resources.discovery import Types, type_folders
from tests import broken_files as broken
from tests.conftest import write
from tests.rounds import rounds

FILES = rounds(80, 800)
RESOURCES = rounds(300, 4000)
LONGEST = 700
NO_FAULT_OF_FILES = "can't cope with"


def errors_of(root):
    """The errors of a project; nothing else may be raised."""
    try:
        return lint(load_project(root))
    except CdconfError as error:
        return [error]


def unclear(error):
    """What's wrong with an error itself."""
    text = f"{error}\n{error.hint or ''}"
    if not error.file or not error.line:
        return f"no file and line: {text}"
    if len(text) > LONGEST or len(str(error).splitlines()) > 1 or NO_FAULT_OF_FILES in text:
        return f"not clear: {text}"
    return None if text.isascii() or text.encode() else "not printable"


@pytest.fixture
def whole(tmp_path):
    root = tmp_path / "whole"
    for name, text in broken.whole().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_project_that_gets_broken_is_whole(whole):
    assert [str(one) for one in errors_of(whole)] == []


def test_broken_files_that_were_generated(whole):
    """Some of all ways to put a wrong value into a project."""
    texts = broken.whole()
    found, faulty = [], 0
    for file, path, index in broken.some(FILES, seed=11):
        (whole / file).write_text(broken.broken(file, path, index)[file])
        errors = errors_of(whole)
        (whole / file).write_text(texts[file])
        faulty += bool(errors)
        found += [f"{file} {path} {index}: {bad}" for bad in map(unclear, errors) if bad]
    assert found == []
    assert faulty > FILES * 0.75


def resources():
    """Every resource of the types' own cases, those with the same keys once."""
    seen = {}
    for folder in type_folders(None).values():
        for path in sorted(folder.glob("cases/*.yml")):
            for case in yaml.safe_load(path.read_text()):
                for one in case["resources"] if isinstance(case["resources"], list) else ():
                    seen.setdefault((next(iter(one)), *sorted(one)), one)
    return list(seen.values())


def test_broken_resources_that_were_generated(tmp_path):
    """Some of all ways to put a wrong value into a resource of each type."""
    write(tmp_path, {"cdconf.yml": "project: x\ngroups: {web: [base]}\n", "roles/base/templates/t.j2": "x"})
    write(tmp_path, {"inventories/dev/hosts.yml": "hosts: {web1: {groups: [web]}}\n", "roles/base/role.yml": ""})
    project = load_project(tmp_path)
    environment = load_environment(project, "dev")
    types, facts = Types(None), sample()
    ways = [
        (one, path, wrong)
        for one in resources()
        for path in broken.places(one)
        for wrong in broken.WRONG
        if wrong is not broken.UNKNOWN
    ]
    found, faulty = [], 0
    for one, path, wrong in random.Random(12).sample(ways, RESOURCES):
        document = broken.changed({"resources": [one]}, ("resources", 0, *path), wrong)
        (tmp_path / "roles/base/role.yml").write_text(broken.text_of(document))
        try:
            Compiler(project, environment, types=types).compile(environment.hosts["web1"], facts).document()
        except CdconfError as error:
            faulty += 1
            bad = unclear(error)
            found += [f"{one} {path} {wrong}: {bad}"] if bad else []
    assert found == []
    assert faulty > RESOURCES * 0.6


CDCONF = "project: x\ngroups: {web: [base], db: []}\n"
HOSTS = "inventories/dev/hosts.yml"
COPY = "inventories/copy/hosts.yml"
ALL = "inventories/dev/group_vars/all.yml"
ROLE = "roles/base/role.yml"
TEMPLATE = "roles/base/templates/t.j2"
ASKS = "variables: {x: {default: 1}, pw: {secret: {generate: 8}}}\nresources:\n  - file: /x\n    template: t.j2\n"
MADE = "variables: {pw: {secret: {generate: 8}}}\n"
BASE = {
    "cdconf.yml": CDCONF,
    HOSTS: "provider: docker\nhosts: {web1: {groups: [web]}}\n",
    ROLE: ASKS,
    TEMPLATE: "{{ x }}\n",
}


def _maps(depth):
    return "a: " + "{a: " * depth + "1" + "}" * depth + "\n"


BY_HAND = [
    # hosts.yml
    ({COPY: "copy_of: dev\nscale: {web: 1}\nhosts: 5\n"}, COPY, 3),
    ({COPY: "copy_of: dev\nscale: {web: 1}\nhosts: [web1]\n"}, COPY, 3),
    ({COPY: "copy_of: dev\nscale: {web: 1}\nhosts: x\n"}, COPY, 3),
    ({COPY: "copy_of: dev\nscale: 5\n"}, COPY, 2),
    ({COPY: "copy_of: [dev]\n"}, COPY, 1),
    ({COPY: "copy_of: copy\n"}, COPY, 1),
    ({COPY: "copy_of: ''\n"}, COPY, 1),
    ({COPY: "copy_of: dev\ndiffers: {a: b}\n"}, COPY, 2),
    ({COPY: "copy_of: dev\nvagrant: {boxes: [x]}\n"}, COPY, 2),
    ({HOSTS: _maps(500)}, HOSTS, 1),
    ({HOSTS: "hosts: {web1: {groups: [web], publish: [[1]]}}\n"}, HOSTS, 1),
    ({HOSTS: "hosts:\n  web1: {groups: [web]}\n  web1: {groups: [web]}\n"}, HOSTS, 3),
    ({HOSTS: "hosts: {? [a] : 1}\n"}, HOSTS, 1),
    ({HOSTS: "- a\n"}, HOSTS, 1),
    ({HOSTS: "\x00"}, HOSTS, 1),
    ({HOSTS: "%YAML 9.9\n---\na: 1\n"}, HOSTS, 1),
    ({HOSTS: "a: 1\n---\nb: 2\n"}, HOSTS, 2),
    ({HOSTS: "a: &a [*a]\n"}, HOSTS, 1),
    ({HOSTS: "a: *b\n"}, HOSTS, 1),
    ({HOSTS: "hosts: !!python/object/apply:os.system [id]\n"}, HOSTS, 1),
    ({HOSTS: 'hosts: "\\ud800"\n'}, HOSTS, 1),
    ({HOSTS: b"hosts: \xff\xfe\n"}, HOSTS, 1),
    ({HOSTS: ""}, HOSTS, 1),
    # cdconf.yml
    ({"cdconf.yml": CDCONF + "type_packages: ''\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "type_packages: [' ']\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "type_packages: [../x]\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "type_packages: [no-such-package-here]\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "type_packages: [jinja2]\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "type_packages: {a: b}\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + _maps(500)}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + _maps(5000)}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "a: " + "[" * 500 + "]" * 500}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "a:\n" + "".join(" " * deep + "a:\n" for deep in range(1, 500))}, "cdconf.yml", 53),
    ({"cdconf.yml": "project: x\ngroups: {web: [[]]}\n"}, "cdconf.yml", 2),
    ({"cdconf.yml": "project: x\ngroups: {web: [../base]}\n"}, "cdconf.yml", 2),
    ({"cdconf.yml": "project: x\ngroups: {web: null}\n"}, "cdconf.yml", 2),
    ({"cdconf.yml": "project: 5\ngroups: {}\n"}, "cdconf.yml", 1),
    ({"cdconf.yml": "project: x\n"}, "cdconf.yml", 1),
    ({"cdconf.yml": CDCONF + "apps: {a: {groups: [web], path: /srv/a, batches: {a: b}}}\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "apps: {a: {groups: [web], path: /srv/a, health: {http: 'http://[', status: []}}}\n"},
     "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "pipeline: {stages: [[]]}\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "pipeline: [{stage: [x]}]\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "lease: {ttl: 1e999}\n"}, "cdconf.yml", 3),
    ({"cdconf.yml": CDCONF + "lease: {ttl: .5}\n"}, "cdconf.yml", 3),
    # variables
    ({ALL: _maps(500)}, ALL, 1),
    ({ALL: "a: \"{{ '\\\\ud800' }}\"\nx: '{{ a }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ range }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ namespace(a=1) }}'\n"}, ALL, 1),
    ({ALL: "x: \"{{ 'a'.encode() }}\"\n"}, ALL, 1),
    ({ALL: "x: '{{ {1: 2} }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ {(1, 2): 2} }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ 1e999 }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ 2 ** 60000 }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ [nope] }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ x }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ self }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ caller() }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ loop.index }}'\n"}, ALL, 1),
    ({ALL: "x: '{% include [] %}'\n"}, ALL, 1),
    ({ALL: "x: '{% include none %}'\n"}, ALL, 1),
    ({ALL: "x: '{% include 5 %}'\n"}, ALL, 1),
    ({ALL: "x: '{% extends [] %}'\n"}, ALL, 1),
    ({ALL: "x: '{% import \"\" as x %}'\n"}, ALL, 1),
    ({ALL: "x: '{% include \"..\" %}'\n"}, ALL, 1),
    ({ALL: "x: '{% include \"a\\x00b\" %}'\n"}, ALL, 1),
    ({ALL: "x: '{% include \"" + "x" * 5000 + "\" %}'\n"}, ALL, 1),
    ({ALL: "x: '{{ [3, \"a\"]|sort }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ 5|to_yaml|nope }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ range|to_yaml }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ range|to_json }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ \"(\"|regex_replace(\"(\", \"\") }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ \"\\ud800\"|b64encode }}'\n"}, ALL, 1),
    ({ALL: "x: '{% if %}'\n"}, ALL, 1),
    ({ALL: "x: '{{'\n"}, ALL, 1),
    ({ALL: "x: '{{ }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ 1 }'\n"}, ALL, 1),
    ({ALL: "x: '{{ [[[]]]|map(\"nope\")|list }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ facts.nope }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ hosts.nope[0].address }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ hosts.db[0].address }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ " + "(" * 400 + "1" + ")" * 400 + " }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ " + "-" * 3000 + "1 }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ 1" + " + 1" * 3000 + " }}'\n"}, ALL, 1),
    ({ALL: "x: '{{ a0 }}'\n" + "".join(f"a{one}: '{{{{ a{one + 1} }}}}'\n" for one in range(2000))}, ALL, None),
    ({ALL: "a b: 1\n"}, ALL, 1),
    ({ALL: "hosts: 1\n"}, ALL, 1),
    ({ALL: "pw: x\n"}, ALL, 1),
    ({"inventories/dev/group_vars/nope.yml": "a: 1\n"}, "inventories/dev/group_vars/nope.yml", 1),
    ({"inventories/dev/secrets.yml": "pw: [x]\n"}, "inventories/dev/secrets.yml", 1),
    ({"inventories/dev/secrets.yml": "pw: age:!\n"}, "inventories/dev/secrets.yml", 1),
    ({"inventories/dev/secrets.yml": "pw: plain\n"}, "inventories/dev/secrets.yml", 1),
    ({"inventories/dev/secrets.yml": _maps(500)}, "inventories/dev/secrets.yml", 1),
    ({"inventories/dev/toggles.yml": "nope: {a: on}\n"}, "inventories/dev/toggles.yml", 1),
    # templates
    ({TEMPLATE: "a\n{{ '\\ud800' }}\n"}, ROLE, 4),
    ({TEMPLATE: "a\n{{ nope }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% for %}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% include 't.j2' %}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% extends 'nope' %}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{{ 1 // 0 }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{{ x() }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{{ x.a.b }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% set x.y = 1 %}\n"}, TEMPLATE, None),
    ({TEMPLATE: "a\n{% block a %}{% block a %}{% endblock %}{% endblock %}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{{ super() }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% call x() %}{% endcall %}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% do x %}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{% break %}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{{ 'x'|attr(5) }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n{{ (1, 2)|sum('a') }}\n"}, TEMPLATE, 2),
    ({TEMPLATE: "a\n" + "{% if true %}" * 500 + "{% endif %}" * 500}, None, None),
    ({TEMPLATE: "a\n" + "{% for i in [1] %}" * 50 + "{% endfor %}" * 50}, TEMPLATE, 1),
    # roles
    ({ROLE: _maps(500)}, ROLE, 1),
    ({ROLE: "resources:\n  - {}\n"}, ROLE, None),
    ({ROLE: "resources:\n  - file\n"}, ROLE, None),
    ({ROLE: "resources:\n  - file: [/x, /y]\n    content: a\n"}, ROLE, 2),
    ({ROLE: "resources:\n  - file: {a: b}\n    content: a\n"}, ROLE, 2),
    ({ROLE: "resources:\n  - file: null\n    content: a\n"}, ROLE, 2),
    ({ROLE: "resources:\n  - file: /x\n    path: null\n    content: a\n    owner: [a]\n"}, ROLE, 3),
    ({ROLE: "resources:\n  - file: /x\n    source: " + "x" * 5000 + "\n"}, ROLE, 2),
    ({ROLE: 'resources:\n  - file: /x\n    source: "a\\0b"\n'}, ROLE, 2),
    ({ROLE: "resources:\n  - file: /x\n    content: \"{{ '\\\\ud800' }}\"\n"}, ROLE, 3),
    ({ROLE: "resources:\n  - file: /x\n    content: a\n    for_each: 5\n"}, ROLE, 2),
    ({ROLE: "resources:\n  - file: /x\n    content: a\n    for_each: '{{ 5 }}'\n"}, ROLE, 2),
    ({ROLE: "resources:\n  - file: /x\n    content: a\n    when: 5\n"}, ROLE, 4),
    ({ROLE: "resources:\n  - file: /x\n    content: a\n    when: ''\n"}, ROLE, 4),
    ({ROLE: "resources:\n  - file: /x\n    content: a\n    when: pw == 'x'\n"}, ROLE, 4),
    ({ROLE: MADE + "resources:\n  - file: /x\n    content: a\n    when: pw == 'x'\n"}, ROLE, 5),
    ({ROLE: "resources:\n  - file: /x\n    content: a\n    notify: [[]]\n"}, ROLE, 4),
    ({ROLE: "handlers: {a: {command: x, action: [run]}}\n"}, ROLE, 1),
    ({ROLE: "handlers: {a: [command]}\n"}, ROLE, 1),
    ({ROLE: "variables: {x: [1]}\n"}, ROLE, 1),
    ({ROLE: "variables: {x: {type: [a]}}\n"}, ROLE, 1),
    ({ROLE: "variables: {x: {secret: {generate: 5}}}\n"}, ROLE, 1),
    ({ROLE: "resources:\n  - user: x\n    groups: [[a], {b: c}]\n"}, ROLE, 3),
    ({ROLE: "resources:\n  - mount: /x\n    device: y\n    type: z\n    options: [1.5]\n"}, ROLE, 5),
    ({ROLE: "resources:\n  - cron: x\n    command: y\n    schedule: 5\n    user: ''\n"}, ROLE, None),
    # a project's own types
    ({"resources/own/spec.py": "TYPE = 5\n"}, "resources/own/spec.py", 1),
    ({"resources/own/spec.py": "a\n  b"}, "resources/own/spec.py", 2),
    ({"resources/own/spec.py": "x = 1\nraise ValueError(x)\n"}, "resources/own/spec.py", 2),
    ({"resources/own/spec.py": b"\xff\xfe"}, "resources/own/spec.py", 1),
    ({"resources/own/spec.py": b"a\0b"}, "resources/own/spec.py", None),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BY_HAND)))
def test_broken_files_by_hand(tmp_path, number):
    files, file, line = BY_HAND[number]
    for name, text in {**BASE, **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    errors = errors_of(tmp_path)
    assert [unclear(one) for one in errors if unclear(one)] == []
    assert len({(one.file, one.line, one.message) for one in errors}) == 1, [str(one) for one in errors]
    assert file is None or errors[0].file == file, str(errors[0])
    assert line is None or errors[0].line == line, str(errors[0])


def test_there_are_enough_of_them():
    assert FILES + RESOURCES + len(BY_HAND) > 500
    assert len(set(itertools.chain(*(files for files, _, _ in BY_HAND)))) > 8
