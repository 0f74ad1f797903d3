"""Commits' subjects are orders."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/subject"


@pytest.fixture(scope="module")
def problems():
    loader = importlib.machinery.SourceFileLoader("subject", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("subject", loader))
    loader.exec_module(module)
    return lambda subject: list(module.problems(subject))


@pytest.mark.parametrize(
    "subject",
    [
        "Show equal changes once",
        "Bring the man page with the wheel",
        "Refuse two environments that differ",
        "Process what hosts say in one place",
        "Use pipx in the tests",
        'Revert "Show equal changes once"',
        "Merge branch 'door'",
        "fixup! show it",
    ],
)
def test_an_order(problems, subject):
    assert problems(subject) == []


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "show equal changes once",
        "Showed equal changes once",
        "Shows equal changes once",
        "Showing equal changes once",
        "Fixes the recap",
        "fix: the recap",
        "Docs: the recap",
        "The recap groups hosts",
        "A recap",
        "Lint",
        "Show equal changes once.",
        "Update",
        "Show " + "x" * 100,
    ],
)
def test_no_order(problems, subject):
    assert problems(subject) != []


def test_a_message_that_is_being_written_and_a_range(tmp_path):
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text("# a comment\n\nShow equal changes once\n\nThe body is free.\n")
    assert subprocess.run([sys.executable, SCRIPT, message], check=False).returncode == 0
    message.write_text("showed equal changes\n")
    done = subprocess.run([sys.executable, SCRIPT, message], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "showed equal changes")
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    for subject in ("First things first", "Show it", "showed it"):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", subject], check=True)

    def code(given):
        return subprocess.run(
            [sys.executable, SCRIPT, given], cwd=tmp_path, capture_output=True, check=False
        ).returncode

    assert [code("HEAD~1..HEAD"), code("HEAD~2..HEAD"), code("HEAD~2..HEAD~1")] == [1, 1, 0]
