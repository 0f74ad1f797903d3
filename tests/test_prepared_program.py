"""The program of tests' shells behaves as `python -m cdconf` does, as far as shells see it."""

import os
import subprocess

import pytest

from tests.conftest import CDCONF
from tests.prepared_program import program


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    with program(tmp_path_factory.mktemp("program") / "bin/cdconf") as one:
        yield f"{one.parent}:{os.environ['PATH']}"


def told(line, project, path):
    environment = {**os.environ, "PATH": path, "COLUMNS": "60"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "cdconf vars dev web1",
        "cdconf lint && cdconf status nowhere",
        "cd inventories && cdconf schema role",
        "cdconf --help | head -n 3",
        "cdconf lint 2>/dev/null; echo $?",
    ],
)
def test_it_says_and_ends_as_cdconf_itself(line, project, path):
    itself = told(line.replace("cdconf", " ".join(CDCONF)), project, path)
    assert told(line, project, path) == itself
    assert "".join(itself[1:])
