"""One run of a schedule: alone, within its time, honest about how it ended."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from cdconf.errors import CdconfError, LeaseHeld
from cdconf.inventory import load_project
from cdconf.own_files import DamagedFile
from cdconf.schedules import running, runs
from cdconf.schedules.runs import ScheduledRun
from cdconf.schedules.schedule import Name, Schedule, save
from cdconf.schedules.standing import standing

DRIFT = Name("drift", "dev")


def schedule(project, **about):
    given = {"every": 60, "limit": 60, "by": "cron", "options": (), "variables": {}, "folder": str(project)}
    return Schedule(DRIFT, **{**given, "installed_at": 1000.0, **about})


@pytest.fixture
def program(project, monkeypatch):
    """What a schedule runs instead of cdconf: a text of Python."""

    def becomes(text, **about):
        path = project / "program.py"
        path.write_text(textwrap.dedent(text))
        monkeypatch.setattr(Schedule, "command", lambda self, root: ["--help"])
        real = subprocess.Popen
        monkeypatch.setattr(
            running.subprocess, "Popen", lambda command, **keywords: real([sys.executable, str(path)], **keywords)
        )
        one = load_project(project)
        save(one, schedule(project, **about))
        return one

    return becomes


@pytest.mark.parametrize("code", [0, 2, 4, 3, 1])
def test_the_exit_code_is_the_commands_own(program, code):
    one = program(f"raise SystemExit({code})")
    assert running.run(one, DRIFT, os.environ) == code
    (ran,) = runs.read(one.data, DRIFT)
    assert ran.code == code
    assert ran.has_looked == (code != 1)


def test_it_has_no_terminal_and_the_variables_that_were_written_down(program, tmp_path):
    seen = tmp_path / "seen"
    text = f"""
        import os, sys
        open({str(seen)!r}, "w").write(repr((sys.stdin.read(), os.environ["HOME"], os.environ.get("CDCONF_SCHEDULED"))))
    """
    one = program(text, variables={"HOME": "/a/home"})
    assert running.run(one, DRIFT, {"PATH": "/usr/bin:/bin"}) == 0
    assert seen.read_text() == repr(("", "/a/home", "1"))


def test_one_that_takes_too_long_is_ended_in_order(program, tmp_path):
    text = f"""
        import signal, sys, time
        def end(*_):
            open({str(tmp_path / "ended")!r}, "w").close()
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        time.sleep(60)
    """
    one = program(text, limit=1)
    with pytest.raises(CdconfError, match="it was ended after 1 s"):
        running.run(one, DRIFT, os.environ)
    assert (tmp_path / "ended").exists()
    (ran,) = runs.read(one.data, DRIFT)
    assert (ran.code, ran.why) == (1, "it was ended after 1 s")


def test_one_that_does_not_end_is_killed(program, monkeypatch):
    monkeypatch.setattr(running, "IN_ORDER", 0.2)
    one = program("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", limit=1)
    began = time.monotonic()
    with pytest.raises(CdconfError, match="ended after 1 s"):
        running.run(one, DRIFT, os.environ)
    assert time.monotonic() - began < 50


def test_two_are_never_at_work_at_once(program):
    one = program("raise SystemExit(0)")
    with runs.alone(one.data, DRIFT) as is_alone:
        assert is_alone
        assert runs.at_work(one.data, DRIFT)
        with pytest.raises(LeaseHeld, match="still at work") as caught:
            running.run(one, DRIFT, os.environ)
    assert caught.value.exit_code == 3
    assert runs.read(one.data, DRIFT) == []
    assert not runs.at_work(one.data, DRIFT)


def test_a_command_that_a_signal_ended_failed(program):
    one = program(f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})")
    with pytest.raises(CdconfError, match="signal 9 ended it"):
        running.run(one, DRIFT, os.environ)
    assert runs.read(one.data, DRIFT)[0].code == 137


def test_a_schedule_whose_file_is_gone_is_an_error(project):
    with pytest.raises(CdconfError, match=r"dev\.drift\.json is gone"):
        running.run(load_project(project), DRIFT, os.environ)


def test_secret_variables_are_the_operators_alone(program, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    one = program("import os; raise SystemExit(2 if os.environ.get('A_SECRET') == 'a=b c' else 1)")
    path = running.secrets_file(one)
    path.parent.mkdir(parents=True)
    path.write_text("# for the bucket\n\nA_SECRET=a=b c\n")
    path.chmod(0o600)
    assert running.run(one, DRIFT, os.environ) == 2
    path.chmod(0o666)
    with pytest.raises(DamagedFile, match="somebody else can have written it"):
        running.run(one, DRIFT, os.environ)
    path.chmod(0o600)
    path.write_text("LD_PRELOAD x\n")
    with pytest.raises(DamagedFile, match="a line isn't NAME=value"):
        running.run(one, DRIFT, os.environ)


def test_only_the_last_runs_are_kept(program):
    one = program("")
    for number in range(runs.KEPT + 3):
        runs.write(one.data, DRIFT, ScheduledRun(float(number), 1.0, 0))
    assert [ran.began_at for ran in runs.read(one.data, DRIFT)] == [float(n) for n in range(3, runs.KEPT + 3)]


@pytest.mark.parametrize("odd", ["", "[]", "{", '{"runs": [[]]}', '{"runs": [{}]}', '{"runs": [{"began_at": "x"}]}'])
def test_damaged_runs_count_as_none(program, odd):
    one = program("raise SystemExit(0)")
    (one.data / "schedules/dev.drift.runs.json").write_text(odd)
    assert runs.read(one.data, DRIFT) == []
    assert running.run(one, DRIFT, os.environ) == 0
    assert len(runs.read(one.data, DRIFT)) == 1


NOW = 1_000_000.0
EVERY = 1800


@pytest.mark.parametrize(
    ("ran", "problem"),
    [
        ([], None),
        ([ScheduledRun(NOW - 60, 5, 0)], None),
        ([ScheduledRun(NOW - 2000, 5, 2)], None),
        ([ScheduledRun(NOW - 3900, 5, 4)], "2 runs were missed: nothing has started them"),
        (
            [ScheduledRun(NOW - 9000, 5, 0), ScheduledRun(NOW - 60, 5, 1)],
            "4 runs were missed: the last one failed with exit code 1",
        ),
        (
            [ScheduledRun(NOW - 9000, 5, 0), ScheduledRun(NOW - 2000)],
            "4 runs were missed: the last one hasn't ended, or was killed",
        ),
        ([ScheduledRun(NOW - 60, 5, 0), ScheduledRun(NOW + 9000, 5, 0)], None),
        ([ScheduledRun(NOW + 9000, 5, 0)], None),
    ],
)
def test_a_schedule_that_misses_two_runs_is_a_problem(project, ran, problem):
    installed = min([NOW - 100, *(one.began_at for one in ran)])
    found = standing(schedule(project, every=EVERY, installed_at=installed), ran, NOW, None)
    assert found.problem == problem


def test_a_schedule_that_never_ran_is_a_problem_two_periods_later(project):
    new = schedule(project, every=EVERY, installed_at=NOW - EVERY)
    assert standing(new, [], NOW, None).problem is None
    old = schedule(project, every=EVERY, installed_at=NOW - 3 * EVERY)
    assert standing(old, [], NOW, None).problem == "2 runs were missed: nothing has started them"


def test_what_starts_it_is_asked_for_first(project):
    found = standing(schedule(project, installed_at=NOW), [ScheduledRun(NOW - 1, 1, 0)], NOW, "x.timer is gone")
    assert found.problem == "x.timer is gone"
