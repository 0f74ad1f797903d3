"""The roles of examples/migrated: a project without errors, and without a `command` resource."""

from pathlib import Path

from cdconf.inventory import load_project
from cdconf.lint.project import lint

EXAMPLE = Path(__file__).parents[2] / "examples/migrated"


def test_the_example_is_a_project_without_errors_and_without_commands():
    assert [str(error) for error in lint(load_project(EXAMPLE))] == []
    roles = sorted(EXAMPLE.glob("roles/*/role.yml"))
    assert len(roles) == 4
    assert "- command:" not in "".join(file.read_text() for file in roles)
