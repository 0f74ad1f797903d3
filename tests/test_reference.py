"""The reference pages say what the code says, and nothing is without help."""

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cdconf.cli.main import VERBS, group
from cdconf.resources.discovery import Types

ROOT = Path(__file__).resolve().parents[1]


def commands():
    """Every command with its path."""
    context = click.Context(group, info_name="cdconf")
    for name in VERBS:
        command = group.get_command(context, name)
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {child}", one) for child, one in command.commands.items())


@pytest.fixture(scope="module")
def reference():
    loader = importlib.machinery.SourceFileLoader("reference", str(ROOT / "scripts/reference"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("reference", loader))
    loader.exec_module(module)
    return module


def test_no_page_is_stale(reference):
    assert reference.stale(reference.pages()) == [], "run scripts/reference"


def test_a_stale_a_missing_and_a_left_over_page_are_found(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "REFERENCE", tmp_path)
    made = {"commands.md": "a\n", "resources/file.md": "b\n"}
    (tmp_path / "resources").mkdir()
    (tmp_path / "commands.md").write_text("other\n")
    (tmp_path / "resources/gone.md").write_text("")
    assert reference.stale(made) == ["commands.md", "resources/file.md", "resources/gone.md"]


def test_the_script_checks(reference):
    result = subprocess.run(
        [sys.executable, ROOT / "scripts/reference", "--check"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_every_command_and_option_has_help():
    for path, command in commands():
        assert command.help, path
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, f"{path} {param.opts[0]}"
                assert param.help.endswith("."), f"{path} {param.opts[0]}"


def test_every_verb_has_an_example_and_is_in_the_help():
    for name, command in commands():
        if " " not in name:
            assert "Example: " in command.help, name
    result = subprocess.run([sys.executable, "-m", "cdconf", "--help"], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in result.stdout for name in VERBS)


def test_each_type_stands_under_one_purpose_of_the_index(reference):
    types = Types()
    sections = re.split(r"^## ", reference.resource_index(types), flags=re.MULTILINE)[1:]
    shown = {
        name: section.partition("\n")[0]
        for section in sections
        for name in re.findall(r"^\| \[(\w+)\]", section, re.MULTILINE)
    }
    assert shown == {name: types[name].purpose for name in types}
    assert "Other" not in shown.values()
