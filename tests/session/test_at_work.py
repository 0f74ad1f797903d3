"""Which runs of a checkout are at work, and which were killed: told by locks, never by numbers of processes."""

import os
import subprocess
import sys

import pytest

from cdconf.session import active_runs
from cdconf.session.active_runs import ActiveRunLock, dead_of, forget, killed, told

LEASE = {"run": "r1", "owner": "me", "reason": "deploy", "inner": [{"run": "r2", "owner": "me", "reason": "smoke"}]}


@pytest.fixture
def corpse(tmp_path):
    """A run `r1` whose process was killed."""
    program = (
        "import os, sys; from pathlib import Path; from cdconf.session.active_runs import ActiveRunLock;"
        "ActiveRunLock(Path(sys.argv[1]), 'r1', {'command': 'deploy', 'environment': 'dev', 'started_at': 7.5});"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == -9
    return tmp_path


def test_a_run_is_at_work_until_its_process_ends(tmp_path):
    run = ActiveRunLock(tmp_path, "r1", {})
    assert dead_of(tmp_path, ["r1", "r9", "../../etc/passwd"]) == []
    run.end()
    assert dead_of(tmp_path, ["r1"]) == []
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_a_killed_run_leaves_tells_of_it(corpse):
    assert dead_of(corpse, ["r1", "r2"]) == ["r1"]
    assert killed(corpse) == {"r1": {"command": "deploy", "environment": "dev", "started_at": 7.5}}
    assert told(LEASE, corpse)["dead"] == ["r1"]
    inner = ActiveRunLock(corpse, "r2", {})
    assert told(LEASE, corpse)["dead"] == ["r1"]
    inner.end()
    forget(corpse, "r1")
    assert killed(corpse) == {}
    assert told(LEASE, corpse) == LEASE
    assert told(None, corpse) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "5",
        '{"command": "deploy", "environment": "dev"}',
        '{"command": [], "environment": "dev", "started_at": 1}',
        '{"command": "deploy", "environment": 5, "started_at": 1}',
        '{"command": "deploy", "environment": "dev", "started_at": 1e99}',
        '{"command": "deploy", "environment": "dev", "started_at": true}',
        '{"command": "\\ud800", "environment": "dev", "started_at": 1}',
        "[" * 10_000,
    ],
)
def test_a_damaged_file_is_no_killed_run_and_stays(corpse, text):
    (corpse / "runs/r1").write_text(text)
    assert killed(corpse) == {}
    assert (corpse / "runs/r1").read_text() == text


def test_a_pipe_is_no_killed_run(corpse):
    os.mkfifo(corpse / "runs/r0")
    assert set(killed(corpse)) == {"r1"}
    assert dead_of(corpse, ["r0"]) == []


def test_what_was_killed_long_ago_goes_and_what_is_at_work_stays(corpse, monkeypatch):
    run = ActiveRunLock(corpse, "r2", {})
    for path in (corpse / "runs").iterdir():
        os.utime(path, (1, 1))
    ActiveRunLock(corpse, "r3", {}).end()
    assert [path.name for path in (corpse / "runs").iterdir()] == ["r2"]
    assert active_runs.dead_of(corpse, ["r2"]) == []
    run.end()
