"""Schedules that missed their runs are told to people once, and once more when they run again."""

import time

import pytest

from cdconf.inventory import load_project
from cdconf.notify import schedules as notified
from cdconf.schedules import runs, silence
from cdconf.schedules.runs import ScheduledRun
from cdconf.schedules.schedule import Name, Schedule, save


@pytest.fixture
def told(monkeypatch):
    found = []
    monkeypatch.setattr(silence, "schedule_state", lambda project, *about: found.append(about))
    return found


def installed(project, name, *, installed_at, ran_at=None, code=0):
    loaded = load_project(project)
    save(loaded, Schedule(name, 1800, 900, "cron", (), {}, str(project), installed_at))
    if ran_at is not None:
        runs.write(loaded.data, name, ScheduledRun(ran_at, 1.0, code))
    return loaded


def test_one_that_runs_is_told_as_heard_and_one_that_does_not_as_silent(project, told):
    now = time.time()
    installed(project, Name("drift", "dev"), installed_at=now - 90_000, ran_at=now - 600)
    loaded = installed(project, Name("destroy-expired", None), installed_at=now - 90_000, ran_at=now - 80_000)
    silence.tell(loaded)
    by_command = {command: (environment, since) for environment, command, since, _ in told}
    assert by_command["drift"] == ("dev", None)
    assert by_command["destroy-expired"][0] == ""
    assert by_command["destroy-expired"][1] == pytest.approx(now - 80_000, abs=1)


def test_a_damaged_file_hides_no_other_schedule(project, told):
    now = time.time()
    installed(project, Name("destroy-expired", None), installed_at=now - 90_000)
    loaded = installed(project, Name("drift", "dev"), installed_at=now - 90_000)
    for path in loaded.data.rglob("*destroy-expired*.json"):
        path.write_text("{")
    silence.tell(loaded)
    assert [(command, since) for _, command, since, _ in told] == [("drift", 0.0)]


def test_without_receivers_nothing_is_kept(project):
    loaded = installed(project, Name("drift", "dev"), installed_at=time.time() - 90_000)
    silence.tell(loaded)
    assert not list(loaded.data.rglob("outbox*"))
    assert notified
