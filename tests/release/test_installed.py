"""What a wheel brings beside its modules says what the code says."""

import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cdconf.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed():
    loader = importlib.machinery.SourceFileLoader("installed", str(ROOT / "scripts/installed"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("installed", loader))
    loader.exec_module(module)
    return module


def test_no_file_is_stale(installed):
    assert installed.stale(installed.files()) == [], "run scripts/installed"


def test_a_wheel_brings_each_of_them(installed):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"] == {"share": "share"}


def test_the_check_names_what_is_stale(installed, tmp_path, monkeypatch):
    monkeypatch.setattr(installed, "SHARE", tmp_path)
    (tmp_path / "cdconf.1").write_text("old\n")
    (tmp_path / "gone").write_text("")
    assert installed.stale({"cdconf.1": "new\n", "completions/cdconf": ""}) == [
        "cdconf.1",
        "completions/cdconf",
        "gone",
    ]


def test_the_manual_has_every_command(installed):
    text = installed.files()["man/man1/cdconf.1"]
    assert [name for name in VERBS if f'.SS "cdconf {installed.roff(name)} ' not in text] == []


@pytest.mark.parametrize("text", [".TH x", "'quoted'", "-a --b", "a\\b", "`x`…", "~/.config"])
def test_no_text_is_a_request(installed, text):
    assert not installed.roff(text).startswith((".", "'"))
    assert not re.search(r"(?<!\\)-", installed.roff(text))


@pytest.mark.skipif(shutil.which("man") is None, reason="no man here")
def test_man_shows_it_without_a_warning():
    words = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", ROOT / "share/man/man1/cdconf.1"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_that_is_installed_is_what_the_verb_prints(installed, shell):
    words = [sys.executable, "-m", "cdconf", "completion", shell]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    kept = (ROOT / "share" / installed.SHELLS[shell]).read_text()
    assert kept.strip() in printed
    if shell == "zsh":
        assert kept.startswith("#compdef cdconf\n")  # else compinit doesn't take it
