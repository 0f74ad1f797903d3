"""Directories for a while: what a killed process has left is gone soon, what a living one uses stays."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cdconf import scratch as module
from cdconf.scratch import keep, scratch, sweep

HOLDER = """
import sys, time
from pathlib import Path
from cdconf.scratch import scratch
with scratch("smoke", Path(sys.argv[1])) as folder:
    (folder / "secret").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def names(folder):
    return sorted(one.name for one in folder.iterdir())


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(module, "_YOUNG", -1)


def test_what_a_killed_process_left_is_removed_by_the_next_one_and_a_living_one_s_stays(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        folder = process.stdout.readline().strip()
        with scratch("plan") as mine:
            assert mine.stat().st_mode & 0o777 == 0o700
        assert (Path(folder) / "secret").exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (Path(folder) / "secret").exists()
    with scratch("plan") as mine:
        assert names(tmp_path) == [mine.name]
    assert names(tmp_path) == []


def test_one_that_has_just_been_made_may_not_have_its_lock_yet(tmp_path, monkeypatch):
    (tmp_path / "cdconf-tmp-plan-x").mkdir(mode=0o700)
    monkeypatch.setattr(module, "_YOUNG", 10.0)
    sweep(tmp_path)
    assert names(tmp_path) == ["cdconf-tmp-plan-x"]


def test_nothing_else_is_touched(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("x")
    (tmp_path / "cdconf-tmp-link").symlink_to("elsewhere")
    (tmp_path / "cdconf-tmp-file").write_text("x")
    (tmp_path / "cdconf-tmp-shared").mkdir(mode=0o755)
    (tmp_path / "cdconf-smoke-old").mkdir(mode=0o700)
    before = names(tmp_path)
    sweep(tmp_path)
    assert names(tmp_path) == before
    assert (tmp_path / "elsewhere/file").read_text() == "x"


def test_what_is_kept_stays(tmp_path):
    with scratch("secret") as folder:
        (folder / "secrets.yml").write_text("x")
        kept = keep(folder)
    sweep(tmp_path)
    assert (kept / "secrets.yml").read_text() == "x"
