"""The walk in the guide to promotion is true: a newcomer's commands, in their order, end as it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prepared_program import program

pytestmark = pytest.mark.hosts

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/promotion.md"
CODE = re.compile(r"# exit code ([0-9]+)\n\Z")


def blocks():
    """Each block of the walk, with the exit code that its last command should have."""
    (section,) = re.findall(r"^## Fifteen minutes with it$(.*?)^## ", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    found = re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [(block, int(code[1]) if (code := CODE.search(block)) else 0) for block in found]


@pytest.fixture
def newcomer(tmp_path):
    """Somebody with an empty home, `cdconf` on the path, and a name in git."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = You\n\temail = you@example.com\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CDCONF_", "GIT_"))}
    with program(tmp_path / "bin/cdconf") as script:
        path = f"{script.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        somebody = {**kept, "HOME": str(home), "PATH": path, "PYTHONPATH": str(GUIDE.parents[2])}
        yield somebody
        # Where the walk ended early, it guards hosts.
        (home / ".config/cdconf/policy/notes.yml").unlink(missing_ok=True)
        for environment in ("production", "staging"):
            walked(f"cd notes && cdconf destroy {environment} --yes", tmp_path, somebody)


def walked(block, folder, environment):
    return subprocess.run(
        ["bash", "-euc", block],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_walk_ends_as_it_says(newcomer, tmp_path):
    found = blocks()
    assert [code for _, code in found] == [0, 0, 3, 0, 3, 0]
    for block, code in found:
        done = walked(block, tmp_path, newcomer)
        assert done.returncode == code, f"{block}\n{done.stdout}\n{done.stderr}"
