"""`cdconf schedule` on the command line: what it refuses, what it tells, and its exit codes."""

import json

import pytest

from tests.conftest import cdconf
from tests.schedules.machine import CRONTAB, runs_file

DRIFT = ("install", "dev", "--run", "drift", "--cron")


@pytest.fixture
def schedule(project, tmp_path):
    """Calls `cdconf schedule` for a user with a crontab of a test's own."""
    machine = tmp_path / "machine"
    (machine / "bin").mkdir(parents=True)
    (machine / "bin/crontab").write_text(CRONTAB.format(folder=machine))
    (machine / "bin/crontab").chmod(0o755)

    def call(*words, code=0):
        environment = {"PATH": f"{machine}/bin:/usr/bin:/bin", "HOME": str(machine)}
        done = cdconf(project, "schedule", *words, **environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    call.machine = machine
    return call


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("install", "nowhere", "--run", "drift", "--cron"), "nowhere"),
        (("install", "--run", "drift", "--cron"), "needs an environment"),
        (("install", "dev", "--cron"), "missing option '--run'"),
        (("install", "dev", "--run", "deploy", "--cron"), "'deploy' is not one of"),
        ((*DRIFT, "--every", "0"), "--every '0' isn't a time"),
        ((*DRIFT, "--every", "7m"), "the nearest that does is 6m or 10m"),
        ((*DRIFT, "--every", "10s"), "once a minute"),
        ((*DRIFT, "--within", "soon"), "--within 'soon' isn't a time"),
        ((*DRIFT, "--", "--nonsense"), "no such option"),
        ((*DRIFT, "--", "--junit"), "requires an argument"),
        ((*DRIFT, "--", "--nagios", "--nonsense"), "no such option"),
        ((*DRIFT, "--", "--nagios", "--quiet"), "exclude each other"),
        ((*DRIFT, "--", "--junit", "/nowhere/x.xml"), "there is no directory"),
        ((*DRIFT, "--look-only"), "--look-only can't do more than `drift --applied`"),
        (("install", "dev", "--run", "destroy-expired", "--cron"), "leave 'dev' away"),
        (("install", "--run", "destroy-expired", "--cron", "--", "--images", "extra"), "takes no environment"),
        (("remove", "dev"), "there is no schedule: drift of dev"),
        (("status",), "there is no schedule in this checkout"),
        (("status", "dev"), "there is no schedule of 'dev'"),
        (("run", "dev", "--run", "drift"), "dev.drift.json is gone"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(schedule, project, words, says):
    assert says.lower() in schedule(*words, code=1).stderr.lower()
    assert not (schedule.machine / "tab").exists()
    assert not (project / ".cdconf/schedules").exists()


def test_the_way_of_a_schedule(schedule, project):
    said = schedule(*DRIFT, "--every", "30m", "--", "--quiet")
    assert said.stdout == (schedule.machine / "tab").read_text()
    assert "drift of dev runs every 30m from now on" in said.stderr
    (row,) = schedule("list").stdout.splitlines()[1:]
    assert row.split() == ["dev", "drift", "30m", "cron", "never", "ok"]
    said = schedule("status", "dev").stdout
    assert said.startswith("drift of dev, every 30m: ok\n  last run: never\n  last success: never\n  next run: ")
    runs_file(project, "dev.drift", [{"began_at": 1000.0, "took": 3.0, "code": 2, "why": None}])
    path = project / ".cdconf/schedules/dev.drift.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "installed_at": 1000.0}))
    said = schedule("status", "dev", code=1).stdout
    assert "runs were missed: nothing has started them" in said
    assert "it found differences, took 3 s" in said
    about = json.loads(schedule("status", "--json", code=1).stdout)["schedules"][0]
    assert about["missed"] > 100
    assert about["last"]["code"] == 2
    assert "runs were missed" in schedule("list").stdout
    schedule("remove", "dev")
    assert not (schedule.machine / "tab").exists()
    schedule("list")
    schedule("status", code=1)


def test_a_line_that_somebody_took_away_is_told(schedule):
    schedule(*DRIFT)
    (schedule.machine / "tab").unlink()
    assert "its line in the crontab is gone" in schedule("status", code=1).stdout
    schedule("remove", "dev")


def test_an_environment_whose_files_are_gone_can_be_taken_off(schedule, project):
    schedule(*DRIFT)
    (project / "inventories/dev/hosts.yml").unlink()
    assert "a line of the crontab" in schedule("remove", "dev").stderr


def test_a_schedule_whose_file_is_damaged_is_a_problem(schedule, project):
    schedule(*DRIFT)
    (project / ".cdconf/schedules/dev.drift.json").write_text("{")
    assert "can't be read" in schedule("status", code=1).stdout
    assert "can't be read" in schedule("list").stdout
    assert json.loads(schedule("status", "--json", code=1).stdout)["schedules"][0]["problem"]


def test_what_is_due_is_removed_without_an_environment(schedule):
    schedule("install", "--run", "destroy-expired", "--every", "1h", "--cron")
    assert "schedule run --run destroy-expired" in (schedule.machine / "tab").read_text()
    schedule("run", "--run", "destroy-expired")
    assert "it found nothing" in schedule("status").stdout
    schedule("remove")
