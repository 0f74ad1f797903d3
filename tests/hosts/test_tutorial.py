"""The tutorial is true: its commands, in their order, in a copy of this repository, end as it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import cdconf, git
from tests.prepared_program import program

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/tutorial.md"
BLOCK = re.compile(r"(<!-- not run -->\n)?^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"#.*\bexit code ([0-9]+)")


def commands(text):
    """The page's command lines, each with the exit code that it should have."""
    found = []
    for skipped, block in BLOCK.findall(text):
        for line in [] if skipped else block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                code = CODE.search(line)
                found.append((line, int(code[1]) if code else 0))
    return found


def test_commands_are_found_with_their_codes():
    text = "<!-- not run -->\n```\nmake\n```\ntext\n```sh\n# note\na \\\nb\nc  # bad: exit code 2\n```\n"
    assert commands(text) == [("a  b", 0), ("c  # bad: exit code 2", 2)]
    page = commands(PAGE.read_text())
    assert len(page) > 15
    assert {code for _, code in page} >= {0, 1, 2, 3}


@pytest.fixture
def clone(tmp_path):
    """What a clone would have, uncommitted changes included: its own checkout, so its own hosts."""
    names = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    root = tmp_path / "clone"
    for name in filter(None, names.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name, follow_symlinks=False)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "The repository")
    yield root
    cdconf(root, "destroy", "staging", "--yes")


@pytest.fixture
def environment(tmp_path):
    """The path with `cdconf`, as `make engine` would set it up, and someone to commit as."""
    person = {"NAME": "test", "EMAIL": "test@example.com"}
    with program(tmp_path / "bin/cdconf") as script:
        yield {
            **os.environ,
            **{f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in person.items()},
            "PATH": f"{script.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }


@pytest.mark.hosts
def test_every_command_of_the_tutorial_ends_as_it_says(clone, environment):
    for line, code in commands(PAGE.read_text()):
        result = subprocess.run(
            ["bash", "-c", line],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert result.returncode == code, f"{line}\n{result.stdout}\n{result.stderr}"
