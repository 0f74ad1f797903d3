"""What a run told while it went on, and the line that it couldn't write since it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from cdconf.events import Committed, HostDone, HostStep, Notice, ResourceDone, RunStarted, Step
from cdconf.history import journal_file
from cdconf.history.event_told import told_of
from cdconf.history.index import History
from cdconf.history.killed import killed_record, record_killed
from cdconf.history.run_events import FOLDER, RunEventWriter, gone, read_events

ID = "019aa0000000-0a0b0c0d0e0f"
BEGAN = {"command": "deploy", "environment": "dev", "started_at": 1000.0, "user": "ann", "commit": "c" * 40}
WORK = """
import sys, time
from pathlib import Path
from cdconf.history.run_events import RunEventWriter
told = RunEventWriter(Path(sys.argv[1]), sys.argv[2], {"command": "deploy", "environment": "dev", "user": "ann"})
told.tell({"event": "step", "message": "stage: web1"})
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def at_work(tmp_path):
    """A process that's at a run."""
    command = [sys.executable, "-c", WORK, str(tmp_path), ID]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_a_run_that_is_at_work_is_not_said_to_be_killed_and_one_that_was_is_said_once(tmp_path, at_work):
    assert record_killed(tmp_path) == []
    os.kill(at_work.pid, signal.SIGKILL)
    at_work.wait()
    assert record_killed(tmp_path) == [ID]
    assert record_killed(tmp_path) == []
    with closing(History(tmp_path)) as history:
        (row,) = history.runs()
    assert (row["id"], row["source"], row["exit_code"], row["user"]) == (ID, "killed", None, "ann")
    assert row["error"] == "killed, after it had said: stage: web1"
    assert [one["event"] for one in read_events(tmp_path, ID)] == ["began", "step"]


def test_a_run_that_ended_in_order_leaves_its_events_alone(tmp_path):
    told = RunEventWriter(tmp_path, ID, BEGAN)
    told.tell({"event": "step", "message": "one"})
    told.end()
    assert list(gone(tmp_path)) == []
    assert [one["event"] for one in read_events(tmp_path, ID)] == ["began", "step"]


def test_a_run_that_the_history_does_not_remember_leaves_nothing(tmp_path):
    told = RunEventWriter(tmp_path, ID, BEGAN)
    told.forget()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_of_two_that_look_at_once_one_says_it(tmp_path):
    RunEventWriter(tmp_path, ID, BEGAN)._close()
    first = gone(tmp_path)
    assert next(first)[0] == ID
    assert list(gone(tmp_path)) == []
    assert list(first) == []
    assert list(gone(tmp_path)) == []


def test_a_full_disk_ends_the_telling_and_not_the_run(tmp_path, monkeypatch):
    told = RunEventWriter(tmp_path, ID, BEGAN)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    told.tell({"event": "step", "message": "one"})
    told.tell({"event": "step", "message": "two"})
    told.end()


def test_chatter_leaves_room_for_what_matters(tmp_path):
    told = RunEventWriter(tmp_path, ID, BEGAN)
    for _ in range(3000):
        told.tell({"event": "host_step", "host": "web1", "message": "x" * 100})
    told.tell({"event": "host", "host": "web1", "status": "failed"})
    told.end()
    events = read_events(tmp_path, ID)
    assert [one["event"] for one in events[-2:]] == ["host", "left_out"]
    assert events[-1]["count"] + len(events) == 3003


def test_what_is_known_of_a_killed_run():
    events = [
        {"event": "began", "at": 1000.0, **BEGAN},
        {"event": "leased", "at": 1001.0, "run": "018f-run"},
        {"event": "started", "at": 1001.0, "hosts": ["web1", "web2"]},
        {"event": "about", "at": 1001.0, "app": "shop", "version": "1.4", "artifact": "a" * 64, "built_from": "b" * 40},
        {"event": "host_leased", "at": 1002.0, "host": "web1", "fence": 7},
        {"event": "host_step", "at": 1003.0, "host": "web1", "message": "activate"},
        {"event": "committed", "at": 1004.0, "release": "1.4-aaaa"},
    ]
    record = killed_record(ID, events)
    assert (record["command"], record["app"], record["version"], record["run"]) == ("deploy", "shop", "1.4", "018f-run")
    assert (record["duration_s"], record["exit_code"], record["committed_at"]) == (4.0, None, 1004.0)
    assert record["fences"] == {"web1": 7}
    assert {name: host["status"] for name, host in record["hosts"].items()} == {
        "web1": "interrupted",
        "web2": "not_attempted",
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\n[]\n{}\n",
        b'{"event": "began", "started_at": "yesterday", "command": ["x"]}\n',
        b'{"event": "started", "at": "soon", "hosts": "all"}\n{"event": "host_leased"}\n',
        b'{"event": "began", "command": 5, "id": 7, "started_at": NaN}\n{"event": "step", "message": "\\n"}\n',
    ],
)
def test_events_that_somebody_else_has_written_are_no_crash(tmp_path, text):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{ID}.part").write_bytes(text)
    assert record_killed(tmp_path) == [ID]
    with closing(History(tmp_path)) as history:
        (row,) = history.runs()
    assert (row["id"], row["source"], row["exit_code"]) == (ID, "killed", None)


def test_a_killed_run_gives_way_to_its_own_words(tmp_path):
    RunEventWriter(tmp_path, ID, {**BEGAN})._close()
    record_killed(tmp_path)
    journal_file.append(tmp_path, {"id": ID, "command": "deploy", "exit_code": 0, "run": None})
    with closing(History(tmp_path)) as history:
        rows = history.runs()
    assert [one["id"] for one in rows] == [ID]


def test_events_as_they_are_written_down():
    assert told_of(RunStarted("deploy", "dev", ("web1",))) == {"event": "started", "hosts": ["web1"]}
    assert told_of(Step("stage: web1")) == {"event": "step", "message": "stage: web1"}
    assert told_of(HostStep("web1", "health")) == {"event": "host_step", "host": "web1", "message": "health"}
    assert told_of(Notice("x" * 5000, warning=True)) == {"event": "warning", "message": "x" * 2000}
    assert told_of(HostDone("web1", "failed", "no")) == {
        "event": "host",
        "host": "web1",
        "status": "failed",
        "message": "no",
    }
    assert told_of(ResourceDone("web1", "file", "/x", "ok")) is None
    changed = told_of(ResourceDone("web1", "file", "/x", "changed", diff="- a\n+ b"))
    assert changed["event"] == "resource"
    assert "diff" not in changed
    assert told_of(Committed("1.4-aaaa")) == {"event": "committed", "release": "1.4-aaaa"}


def test_only_so_many_files_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("cdconf.history.run_events.KEPT", 5)
    for number in range(20):
        told = RunEventWriter(tmp_path, f"{number:012x}-x", {**BEGAN, "at": time.time()})
        told.end()
    names = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert 5 <= len(names) <= 6
    assert json.loads((tmp_path / FOLDER / names[-1]).read_text().splitlines()[0])["event"] == "began"
    assert names[-1] == f"{19:012x}-x.jsonl"
