"""Since when findings are there, and how often units were restarted since the last look."""

import json

import pytest

from cdconf.agent.converge import drifting, first_seen
from cdconf.agent.converge.first_seen import FirstSeen
from cdconf.agent.records.store import HostStore


@pytest.fixture
def store(tmp_path):
    return HostStore("demo", str(tmp_path))


@pytest.fixture
def clock(monkeypatch):
    """Sets the host's clock."""
    return lambda at: monkeypatch.setattr(first_seen.time, "time", lambda: at)


def look(store, *found, gone=("host", "files"), by="host"):
    one = FirstSeen(store)
    times = [one.since("file", title, by) for title in found]
    one.save(gone)
    return times


def test_a_finding_keeps_the_time_at_which_it_was_first_seen_until_it_is_gone(store, clock):
    clock(100)
    assert look(store, "/a") == [100]
    clock(200)
    assert look(store, "/a", "/b") == [100, 200]
    look(store, "/b")
    clock(300)
    assert look(store, "/a", "/b") == [300, 200]


def test_a_look_without_files_forgets_nothing_that_only_files_show(store, clock):
    clock(100)
    look(store, "/a", by="files")
    look(store, gone=["host"])
    clock(200)
    assert look(store, "/a", by="files") == [100]


def test_a_look_at_some_roles_forgets_nothing(store, clock):
    clock(100)
    look(store, "/a")
    look(store, gone=[])
    clock(200)
    assert look(store, "/a") == [100]


def test_a_clock_that_was_set_back_makes_no_time_of_the_future(store, clock):
    clock(1000)
    look(store, "/a")
    clock(500)
    assert look(store, "/a") == [500]


def test_a_finding_of_the_controller_is_its_to_forget(store, clock):
    clock(100)
    assert drifting.note(store, "release", "app", True) == 100
    clock(200)
    look(store)
    assert FirstSeen(store).told() == ["release:app"]
    assert drifting.note(store, "release", "app", True) == 100
    assert drifting.note(store, "release", "app", False) is None
    assert FirstSeen(store).told() == []


def test_a_unit_is_flapping_when_it_was_restarted_since_the_last_look(store, monkeypatch):
    def before(count):
        one = FirstSeen(store)
        known = one.restarts("app", count)
        one.save([])
        return known

    assert before(3) == 3, "nobody knows since when"
    assert before(5) == 3
    assert before(5) == 5
    assert before(1) == 0, "started anew by hand, and restarted once since"
    monkeypatch.setattr(first_seen, "boot_id", lambda: "another")
    assert before(2) == 2


def test_a_host_without_a_directory_of_the_project_gets_none(tmp_path):
    look(HostStore("demo", str(tmp_path / "none")), "/a")
    assert not (tmp_path / "none").exists()


def test_nothing_is_written_where_nothing_has_changed(store, clock):
    clock(100)
    look(store, "/a")
    path = store.path(first_seen.FILE)
    with open(path) as stream:  # noqa: PTH123
        before = stream.read()
    clock(200)
    look(store, "/a")
    with open(path) as stream:  # noqa: PTH123
        assert stream.read() == before
    assert json.loads(before)["found"] == {"file:/a": {"at": 100, "by": "host"}}


def test_a_damaged_file_hides_no_drift(store, clock):
    clock(100)
    look(store, "/a")
    with open(store.path(first_seen.FILE), "w") as stream:  # noqa: PTH123
        stream.write("{")
    clock(200)
    assert look(store, "/a") == [200]
    assert look(store, "/a") == [200]
