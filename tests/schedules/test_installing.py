"""Schedules on a machine: what's written, what's replaced, what's refused, and what's gone afterwards."""

import json
import os
import subprocess
import time
from dataclasses import replace

import pytest

from cdconf.errors import CdconfError, UsageError
from cdconf.inventory import load_project
from cdconf.own_files import DamagedFile
from cdconf.schedules import installing
from cdconf.schedules.installing import ScheduleRequest, absent, install, remove
from cdconf.schedules.period import Period
from cdconf.schedules.schedule import Name, load, names
from tests.conftest import write
from tests.pipeline.watch.test_install import complaints
from tests.schedules.machine import Machine

DRIFT = Name("drift", "dev")
WISH = ScheduleRequest(DRIFT, Period(1800), None, ("--quiet",))


@pytest.fixture(params=["system", "user"])
def machine(tmp_path, monkeypatch, request):
    return Machine(tmp_path, monkeypatch, is_system=request.param == "system")


@pytest.fixture
def cron(tmp_path, monkeypatch):
    return Machine(tmp_path, monkeypatch, systemd=False)


def files(folder):
    return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


def test_systemd_takes_both_units(project, machine, tmp_path):
    made = install(load_project(project), WISH)
    assert files(machine.units) == ["cdconf-drift-demo.dev.service", "cdconf-drift-demo.dev.timer"]
    kind = "--system" if machine.units.name == "system" else "--user"
    for path, text in made.files.items():
        assert (machine.units / path.rpartition("/")[2]).read_text() == text
    assert complaints(machine.units / "cdconf-drift-demo.dev.timer", tmp_path, kind) == ([], 0)
    assert complaints(machine.units / "cdconf-drift-demo.dev.service", tmp_path, kind)[0] == []
    timer = made.files[str(machine.units / "cdconf-drift-demo.dev.timer")]
    assert "OnCalendar=*:0/30\n" in timer
    assert "RandomizedDelaySec=180\n" in timer
    assert "Persistent=true\n" in timer
    manager = "--user " if kind == "--user" else ""
    timer_name = "cdconf-drift-demo.dev.timer"
    wanted = [f"{manager}daemon-reload", f"{manager}enable {timer_name}", f"{manager}restart {timer_name}"]
    assert machine.log("systemctl") == wanted


def test_installing_it_again_replaces_it(project, machine):
    one = load_project(project)
    first = install(one, WISH).schedule
    assert install(one, WISH).schedule == first
    second = install(one, replace(WISH, period=Period(3600))).schedule
    assert second.installed_at > first.installed_at
    assert len(files(machine.units)) == 2
    assert load(one, DRIFT) == second


def test_what_was_written_is_gone_afterwards(project, machine):
    one = load_project(project)
    write(machine.units, {"other.timer": "[Timer]\n"})
    install(one, WISH)
    removed = remove(one, DRIFT)
    assert len(removed) == 3
    assert files(machine.units) == ["other.timer"]
    assert names(one) == []
    assert remove(one, DRIFT) == []
    assert any("disable --now cdconf-drift-demo.dev.timer" in one for one in machine.log("systemctl"))


def test_what_is_half_gone_is_removed(project, machine):
    one = load_project(project)
    install(one, WISH)
    (machine.units / "cdconf-drift-demo.dev.timer").unlink()
    (project / ".cdconf/schedules/dev.drift.json").unlink()
    assert remove(one, DRIFT) == [str(machine.units / "cdconf-drift-demo.dev.service")]


@pytest.mark.parametrize("name", ["cdconf-drift-demo.dev.timer", "cdconf-drift-demo.dev.service"])
def test_another_checkouts_units_stay(project, machine, name):
    write(machine.units, {name: "[Unit]\nDescription=somebody's own\n"})
    with pytest.raises(UsageError, match="isn't that of this checkout"):
        install(load_project(project), WISH)
    remove(load_project(project), DRIFT)
    assert "somebody's own" in (machine.units / name).read_text()


def test_a_systemd_that_refuses_is_told(project, machine):
    machine.refuse()
    with pytest.raises(CdconfError, match="daemon-reload` failed: Failed to connect to bus"):
        install(load_project(project), WISH)
    assert remove  # what was written is named by `schedule list`, and can be removed
    assert names(load_project(project)) == [DRIFT]


def test_units_that_cannot_be_written_are_told(project, machine):
    machine.units.parent.mkdir(parents=True, exist_ok=True)
    machine.units.write_text("a file in the folder's place")
    with pytest.raises(CdconfError, match="can't be"):
        install(load_project(project), WISH)


def test_a_line_of_the_crontab_replaces_units(project, machine):
    one = load_project(project)
    install(one, WISH)
    machine.tab = "# mine\n1 2 3 4 5 true\n"
    install(one, replace(WISH, cron=True))
    assert files(machine.units) == []
    assert machine.tab.startswith("# mine\n1 2 3 4 5 true\n")
    install(one, WISH)
    assert machine.tab == "# mine\n1 2 3 4 5 true\n"
    assert len(files(machine.units)) == 2


def test_without_systemd_it_is_a_line_of_the_crontab(project, cron):
    one = load_project(project)
    cron.tab = "5 4 * * * backup\n"
    install(one, WISH)
    install(one, WISH)
    assert cron.log("crontab") == ["write"], "nothing is written where nothing changes"
    before, line = cron.tab.splitlines()
    assert before == "5 4 * * * backup"
    assert "-P -m cdconf schedule run dev --run drift --project" in line
    assert absent(one, load(one, DRIFT)) is None
    assert remove(one, DRIFT)[0] == "a line of the crontab"
    assert cron.tab == "5 4 * * * backup\n"
    assert "its line in the crontab is gone" in absent(
        one, replace(install(one, WISH).schedule, name=Name("drift", "x"))
    )


def test_without_either_nothing_can_be_installed(project, cron, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CdconfError, match="neither systemd nor cron"):
        install(load_project(project), WISH)
    with pytest.raises(CdconfError, match="no `crontab`"):
        install(load_project(project), replace(WISH, cron=True))


def test_a_timer_that_was_stopped_is_absent(project, machine):
    one = load_project(project)
    schedule = install(one, WISH).schedule
    assert absent(one, schedule) is None
    (machine.folder / "state").write_text("inactive\n")
    assert absent(one, schedule) == "cdconf-drift-demo.dev.timer isn't started (inactive)"


@pytest.mark.parametrize("odd", ["", "[]", "{", '{"version": 2}', '{"version": 1}', "\0", '{"version": 1, "by": "me"}'])
def test_a_damaged_schedule_is_named_and_can_be_replaced_and_removed(project, cron, odd):
    one = load_project(project)
    install(one, WISH)
    path = project / ".cdconf/schedules/dev.drift.json"
    path.write_text(odd)
    with pytest.raises(DamagedFile, match=r"dev\.drift\.json"):
        load(one, DRIFT)
    install(one, WISH)
    assert load(one, DRIFT).options == ("--quiet",)
    path.write_text(odd)
    assert "a line of the crontab" in remove(one, DRIFT)


def test_a_schedule_that_others_could_have_written_does_not_count(project, cron):
    one = load_project(project)
    install(one, WISH)
    (project / ".cdconf/schedules/dev.drift.json").chmod(0o666)
    with pytest.raises(DamagedFile, match="somebody else can have written it"):
        load(one, DRIFT)


def test_what_a_login_has_and_cron_lacks_is_written_down(project, cron, monkeypatch):
    monkeypatch.setenv("CDCONF_SIGNERS", "/etc/signers")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    schedule = install(load_project(project), WISH).schedule
    assert schedule.variables["CDCONF_SIGNERS"] == "/etc/signers"
    assert schedule.variables["HOME"] == os.environ["HOME"]
    assert "geheim" not in (project / ".cdconf/schedules/dev.drift.json").read_text()


def test_a_run_in_crons_bare_environment_is_written_down(project, cron):
    """What cron starts is started here as cron does it: by /bin/sh, without a PATH worth the name."""
    one = load_project(project)
    write(
        project, {"cdconf.yml": "project: demo\ngroups:\n  web: [base]\n", "inventories/dev/hosts.yml": "hosts: {}\n"}
    )
    install(one, ScheduleRequest(Name("destroy-expired", None), Period(60), None, ()))
    command = cron.tab.split(" ", 5)[5].replace("\\%", "%")
    bare = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"], "LOGNAME": "root", "SHELL": "/bin/sh"}
    done = subprocess.run(["/bin/sh", "-c", command], env=bare, cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    about = json.loads((project / ".cdconf/schedules/_all.destroy-expired.runs.json").read_text())
    assert [run["code"] for run in about["runs"]] == [0]
    assert abs(about["runs"][0]["began_at"] - time.time()) < 600


def test_no_line_end_gets_into_a_unit(project, machine, monkeypatch):
    monkeypatch.setattr(installing.sys, "executable", "/bin/a\nExecStartPre=/bin/sh")
    with pytest.raises(UsageError, match="systemd can't be told"):
        install(load_project(project), WISH)
    assert files(machine.units) == []
