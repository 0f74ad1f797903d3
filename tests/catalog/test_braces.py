"""One pair of braces makes a mapping in YAML, where a template was meant."""

import pytest

from cdconf.catalog import Compiler
from cdconf.errors import InvalidFile
from cdconf.inventory import load_environment, load_project
from tests.conftest import write

ROLE = "roles/base/role.yml"


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("{ x }", 'braces alone make a mapping; a template is "{{ x }}"'),
        ("{ x: 1 }", None),
        ("{ x, y }", None),
    ],
)
def test_a_template_with_one_pair_of_braces_is_recognised(project, value, hint):
    write(project, {"inventories/dev/hosts.yml": "provider: docker\nhosts: {web1: {groups: [web]}}\n"})
    (project / ROLE).write_text(f"resources:\n  - file: /x\n    content: {value}\n")
    environment = load_environment(load_project(project), "dev")
    with pytest.raises(InvalidFile, match="'content' must be text") as caught:
        Compiler(load_project(project), environment).compile(environment.hosts["web1"], {})
    assert (caught.value.file, caught.value.line, caught.value.hint) == (ROLE, 3, hint)
