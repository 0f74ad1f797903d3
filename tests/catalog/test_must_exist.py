"""What a role only gives a mode to isn't the role's, so it's never removed with it."""

import pytest

from cdconf.catalog import Compiler
from cdconf.catalog.unions import unions
from cdconf.errors import CdconfError
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

ROLE = "roles/base/role.yml"


@pytest.fixture
def compiled(project):
    write(project, {"inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n"})

    def compile_(resources):
        (project / ROLE).write_text("resources:\n" + resources)
        environment = load_environment(load_project(project), "dev")
        return Compiler(load_project(project), environment).compile(environment.hosts["web1"], {}).resources

    return compile_


@pytest.mark.parametrize(
    ("resource", "is_removed"),
    [
        ("  - file: /x\n    mode: go-w\n", False),
        ('  - file: /x\n    mode: "0600"\n    must_exist: false\n', False),
        ("  - directory: /x\n    owner: root\n    must_exist: true\n", False),
        ('  - directory: /x\n    mode: "0755"\n', True),
        ("  - file: /x\n    content: a\n", True),
    ],
)
def test_only_what_was_made_is_removed(compiled, resource, is_removed):
    assert compiled(resource)[0].removable is is_removed


def test_what_one_of_two_declarations_makes_is_removed(compiled):
    found = compiled("  - file: /x\n    owner: root\n  - file: /x\n    content: a\n")
    assert [one.removable for one in found] == [False, True]
    assert [one.removable for one in unions(found)] == [True]


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        ("  - file: /x\n    mode: go-w\n    must_exist: true\n    content: a\n", "'must_exist' and 'content' exclude"),
        ("  - file: /x\n    must_exist: true\n    absent: true\n", "'must_exist' and 'absent' exclude"),
        ("  - directory: /x\n    must_exist: true\n", "needs an owner, a group or a mode"),
        (
            "  - directory: /usr/bin\n    mode: go-w\n    owner: root\n    recursive: true\n",
            "belongs to the whole system",
        ),
    ],
)
def test_what_contradicts_it_is_refused_with_its_line(compiled, resource, why):
    with pytest.raises(CdconfError, match=why) as caught:
        compiled(resource)
    assert (caught.value.file, caught.value.line) == (ROLE, 2)
