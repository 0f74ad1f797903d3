"""The projects of docs/own-app.md are whole: their files, taken from the page, are a project without errors."""

import re
from pathlib import Path

import pytest

from cdconf.inventory import load_project
from cdconf.lint.project import lint
from tests.conftest import write

PAGE = (Path(__file__).parents[2] / "docs/own-app.md").read_text()
PARTS = {
    "site": PAGE[PAGE.index("## A static site") : PAGE.index("## A Flask app")],
    "notes": PAGE[PAGE.index("## A Flask app") : PAGE.index("## Then")],
}


def files(part):
    """Path -> text of each file that a part of the page shows: its name begins the paragraph above."""
    return dict(
        re.findall(r"^`([a-z][\w./]*)`[^\n]*(?:\n[^`\n][^\n]*)*\n\n```\w*\n(.*?)```", part, re.DOTALL | re.MULTILINE)
    )


@pytest.mark.parametrize("name", PARTS)
def test_its_files_are_a_project(tmp_path, name):
    shown = {**files(PARTS["site"]), **files(PARTS[name])}
    shown = {
        path: text for path, text in shown.items() if not path.startswith("roles/") or path.startswith(f"roles/{name}/")
    }
    assert {"cdconf.yml", "build.sh", f"roles/{name}/role.yml", "inventories/staging/hosts.yml"} <= shown.keys()
    assert len(shown) == 7
    project = load_project(write(tmp_path, shown))
    assert [str(error) for error in lint(project)] == []
    assert list(project.apps) == [name]
    compile(shown[f"roles/{name}/smoke/test_{name}.py"], "smoke", "exec")


@pytest.mark.parametrize("name", PARTS)
def test_its_commands_are_those_of_the_app(name):
    deployed = re.findall(r"^cdconf (?:build|deploy) (\w+)", PARTS[name], re.MULTILINE)
    assert set(deployed) <= {name}
    assert name != "site" or len(deployed) == 5
