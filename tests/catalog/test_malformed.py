"""Files that can't be meant as they are: each gives one clear error with file and line, and none waits for anything."""

import os
import shutil

import pytest

from cdconf.errors import CdconfError
from cdconf.inventory import load_project
from cdconf.lint.project import lint
from tests.conftest import cdconf, write

ALL = "inventories/dev/group_vars/all.yml"
HOSTS = "inventories/dev/hosts.yml"
ROLE = "roles/base/role.yml"
TEMPLATE = "roles/base/templates/t.j2"
ASKED = {ROLE: "resources:\n  - file: /x\n    template: t.j2\n"}
TOP = "project: x\ngroups: {db: [base], web: [base]}\n"


def found(root):
    """The errors that lint has, each as a line; what keeps the project from being read is the only one."""
    try:
        return [str(error) for error in lint(load_project(root))]
    except CdconfError as error:
        return [str(error)]


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({ALL: "greeting: " + "9" * 5000}, f"{ALL}:1: a number of more than 100 digits"),
        ({ALL: 'a: 1\ngreeting: "{{ ' + "(" * 5000 + '1 }}"'}, f"{ALL}:2: this is nested too deeply"),
        ({ALL: 'greeting: "{{ ' + "9" * 5000 + ' }}"'}, f"{ALL}:1: Exceeds the limit"),
        ({ALL: "greeting: [" + "x, " * 50_000 + "]"}, f"{ALL}:1: 'greeting' must be of type string, but is a list"),
        ({ALL: "facts: {a: b}"}, f"{ALL}:1: 'facts' can't be a variable's name"),
        ({"inventories/dev/host_vars": "x"}, "inventories/dev/host_vars:1: this must be a directory"),
        (
            {HOSTS: "hosts: {web1: {groups: [], address: -oProxyCommand=x}}"},
            f"{HOSTS}:1: '-oProxyCommand=x' can't be the address",
        ),
        ({HOSTS: "hosts: {web1: {groups: [], address: ''}}"}, f"{HOSTS}:1: '' can't be the address"),
        ({HOSTS: "hosts: {web1: {groups: [], ssh: {address: '-v'}}}"}, f"{HOSTS}:1: '-v' can't be the address"),
        ({HOSTS: "ssh: {user: -v}\nhosts: {web1: {groups: []}}"}, f"{HOSTS}:1: '-v' can't be the user"),
        (
            {"inventories/a b/hosts.yml": "hosts: {x: {}}"},
            "inventories/a b/hosts.yml:1: 'a b' can't be an environment's",
        ),
        (
            {"cdconf.yml": "project: x\ngroups: {}\nlease: {ttl: 9999999999999999d}"},
            "cdconf.yml:3: 'ttl' in lease must",
        ),
        (
            {"cdconf.yml": "project: x\ngroups: {}\napps:\n  ../x: {groups: [], path: /srv/a}"},
            "cdconf.yml:4: '../x' can't be an app's name",
        ),
        (
            {"cdconf.yml": "project: x\ngroups: {}\npipeline:\n  - stage: a\n    build: {b: c}"},
            "cdconf.yml:5: 'build' in stage 'a' must be a list of names",
        ),
        (
            {"cdconf.yml": f"{TOP}pipeline:\n  - {{stage: a}}\n  - {{stage: b, run: make}}"},
            "cdconf.yml:5: stage 'b' has a `run`, but no `inputs`",
        ),
        (
            {"cdconf.yml": f"{TOP}pipeline:\n  - {{stage: b, run: make, inputs: [../x]}}"},
            "cdconf.yml:4: '../x' in 'inputs' of stage 'b' must be a path below the project",
        ),
        (
            {ROLE: "resources:\n  - file: /x\n    when: [a, b]"},
            f"{ROLE}:3: a condition must be an expression, not a list",
        ),
        (
            {ROLE: "variables:\n  x: {type: integer, default: a}"},
            f"{ROLE}:2: the default of variable 'x' must be of type",
        ),
        ({ROLE: "resources:\n  - file: /x\n    notify: nobody"}, f"{ROLE}:3: no role has a handler 'nobody'"),
        ({ROLE: "variables:\n  none: {default: a}"}, f"{ROLE}:2: 'none' can't be a variable's name"),
        ({**ASKED, TEMPLATE: "a\n{# b"}, f"{TEMPLATE}:2: this isn't Jinja2: Missing end of comment tag"),
        ({**ASKED, TEMPLATE: "{{ facts.kernel }}\n{{ \x19 }}"}, f"{TEMPLATE}:2: this isn't Jinja2: unexpected char"),
        ({**ASKED, TEMPLATE: "{{ facts.kernel }}\n{{ a b }}"}, f"{TEMPLATE}:2: this isn't Jinja2: expected token"),
        ({**ASKED, TEMPLATE: b"a\n\xff"}, f"{TEMPLATE}:2: this isn't UTF-8"),
        (
            {**ASKED, TEMPLATE: "a\n{% include 't.j2' %}"},
            f"{TEMPLATE}:2: this is nested too deeply, or refers to itself",
        ),
        (
            {ROLE: "resources:\n  - file: /x\n    template: /etc/passwd"},
            f"{ROLE}:3: there is no template '/etc/passwd'",
        ),
        ({"resources/own/spec.py": "import sys\nsys.exit(0)\n"}, "resources/own/spec.py:2: can't be imported"),
        ({"inventories": "x"}, "inventories:1: can't be read: Not a directory"),
    ],
)
def test_one_error_with_file_and_line(project, files, error):
    if "inventories" in files:
        shutil.rmtree(project / "inventories")
    for name, text in files.items():
        data = text if isinstance(text, bytes) else text.encode()
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(data)
    (only,) = found(project)
    assert only.startswith(error)
    assert len(only) < 400


@pytest.mark.parametrize("name", [HOSTS, ALL, "inventories/dev/secrets.yml", "inventories/dev/toggles.yml"])
@pytest.mark.parametrize("kind", ["pipe", "directory", "circle", "nowhere"])
def test_what_is_there_and_is_no_file_is_not_passed_over(project, name, kind):
    path = project / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(path.name if kind == "circle" else "nowhere.yml")
    (only,) = found(project)
    assert only.startswith(f"{name}:1: ")


def test_a_source_that_is_no_file_is_not_waited_for(project):
    write(project, {ROLE: "resources:\n  - file: /x\n    source: s", "roles/base/files/t": ""})
    os.mkfifo(project / "roles/base/files/s")
    assert found(project) == [f"{ROLE}:2: 's' isn't a file"]


def test_two_roles_agree_on_a_variable_or_it_is_an_error(project):
    write(
        project,
        {
            "cdconf.yml": "project: demo\ngroups: {web: [base, other]}\n",
            HOSTS: "hosts: {web1: {groups: [web]}}\n",
            ROLE: "variables:\n  x: {type: integer, default: 1}\n",
            "roles/other/role.yml": "variables:\n  x: {type: string, default: a}\n",
        },
    )
    assert found(project) == [f"roles/other/role.yml:2: the variable 'x' has another 'type' than at {ROLE}:2"]
    write(project, {"roles/other/role.yml": "variables:\n  x: {type: integer, default: 2}\n"})
    assert found(project) == [f"roles/other/role.yml:2: the variable 'x' has another default than at {ROLE}:2"]
    write(project, {"roles/other/role.yml": "variables:\n  x: {type: integer, default: 1, doc: the same}\n"})
    assert found(project) == []


def test_lint_has_no_bug_of_its_own_with_what_is_too_deep(project):
    write(project, {ALL: 'unread: "{{ ' + "(" * 5000 + '1 }}"\n'})
    done = cdconf(project, "lint")
    assert "bug in cdconf" not in done.stderr + done.stdout


def test_constants_are_not_worked_out_by_lint_either(project):
    write(project, {ALL: "unread: \"{{ 'x' * 10**10 }}\"\n"})
    done = cdconf(project, "lint")
    assert done.returncode == 0, done.stderr


def test_lint_needs_no_place_to_write(project):
    found(project)
    assert not (project / ".cdconf").exists()


def test_a_file_where_cdconf_keeps_its_data_is_an_error_of_its_own(project):
    write(project, {".cdconf": "x"})
    done = cdconf(project, "plan", "dev")
    assert done.returncode == 1
    assert "error: .cdconf:1: can't be a directory of this checkout's data: it's a file\n" in done.stderr
