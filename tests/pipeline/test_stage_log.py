"""A stage's log has a limited size, and a full disk doesn't end the stage."""

from pathlib import Path

import pytest

from cdconf.errors import ArtifactError
from cdconf.pipeline.stage_log import FIRST, LAST, StageLog


def test_a_full_disk_is_said_at_the_end_and_ends_nothing_else(folder):
    log = StageLog(Path("/dev/full"))
    log.add("first")
    log.add("second")
    assert log.tail() == ["first", "second"]
    with pytest.raises(ArtifactError, match="/dev/full couldn't be written: No space left on device"):
        log.keep(folder)


def test_its_beginning_and_its_end_are_kept(tmp_path, folder):
    log = StageLog(tmp_path / "log")
    words = "ü" * 8000  # two bytes each
    for number in range(400):
        log.add(f"{number} {words}")
    kept = folder.read([name := log.keep(folder)])[name]
    lines = kept.decode().splitlines()
    assert len(kept) <= FIRST + LAST + 100
    assert lines[0].split()[1] == "0"
    assert lines[-1].split()[1] == "399"
    (left_out,) = [one for one in lines if "lines are left out here" in one]
    assert left_out == f"[{400 - len(lines) + 1} lines are left out here]"
