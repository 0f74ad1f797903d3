"""systemd and cron themselves start a schedule, three times each, on a machine that is a container."""

import contextlib
import json
import subprocess
import sys
import sysconfig
import uuid
from pathlib import Path

import pytest

import cdconf
from tests.conftest import write
from tests.host_image import base_image
from tests.hosts.live import eventually, on
from tests.hosts.machines import RUN, UP, docker

pytestmark = pytest.mark.hosts

PERSON, UID = "ops", 2000


def project(name, path):
    """The files of a project that has one file on its own machine."""
    return {
        "cdconf.yml": f"project: {name}\ngroups:\n  web: [base]\n",
        "inventories/dev/hosts.yml": "hosts:\n  here: {transport: local, groups: [web]}\n",
        "roles/base/role.yml": f"resources:\n  - file: {path}\n    content: x\n    mode: '0644'\n",
    }


PYTHON = [sys.executable, "-P", "-m", "cdconf"]


class Machine:
    """A container with this test's own cdconf, and projects whose only host it is.

    Attributes:
        root: Root's project, of which systemd starts the schedule.
        old: Root's other project, of which cron does.
        own: A person's, of which that person's own systemd does.
        missed: The same person's, of which cron starts the schedule until the person's account is closed.
    """

    def __init__(self, folder):
        self.name = f"ticks-{uuid.uuid4().hex[:8]}"
        self.root, self.old = (write(folder / one, project(one, f"/etc/{one}")) for one in ("ticks", "old"))
        self.own, self.missed = (write(folder / one, project(one, f"/home/{PERSON}/ticks")) for one in ("own", "late"))
        shared = {str(Path(cdconf.__file__).parents[1]), sys.base_prefix, sys.prefix, sysconfig.get_path("purelib")}
        places = [f"--volume={one}:{one}:ro" for one in sorted(shared) if one not in ("/usr", "/")]
        docker("run", "-d", "--name", self.name, *RUN, *places, f"--volume={folder}:{folder}", base_image())
        folder.chmod(0o755)
        above = {str(parent) for one in (*shared, folder) for parent in Path(one).parents}
        on(self.name, f"chmod a+x {' '.join(sorted(above))}")  # for the person: some lie below /root

    def __call__(self, *words, code=0, root=None):
        """Runs cdconf there, as who owns the project; its output."""
        who = self.person if root in (self.own, self.missed) else ["-e", "HOME=/root", self.name]
        command = ["docker", "exec", "-w", str(root or self.root), *who, *PYTHON, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert code in (done.returncode, None), f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @property
    def person(self):
        """Options of `docker exec`, up to the command: as the person with a systemd of their own."""
        return ["-u", PERSON, "-e", f"HOME=/home/{PERSON}", "-e", f"XDG_RUNTIME_DIR=/run/user/{UID}", self.name]

    def runs(self, root=None):
        """The exit codes of the schedule's runs; None of one that's at work."""
        with contextlib.suppress(OSError, ValueError):
            about = json.loads(((root or self.root) / ".cdconf/schedules/dev.drift.runs.json").read_text())
            return [one["code"] for one in about["runs"]]
        return []

    def standing(self, code, root=None):
        """What `schedule status` says of it."""
        return json.loads(self("schedule", "status", "dev", "--json", code=code, root=root))["schedules"][0]


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    one = Machine(tmp_path_factory.mktemp("ticks"))
    try:
        on(one.name, UP)
        one("provision", "dev")
        packages = "apt-get -q update && apt-get -qy --no-install-recommends install cron libpam-systemd"
        on(one.name, f"export DEBIAN_FRONTEND=noninteractive; {packages}; systemctl start cron")
        on(one.name, "echo '0 0 1 1 * true # mine' | crontab -")
        on(one.name, f"useradd -m -u {UID} {PERSON}; chown -R {PERSON} {one.own} {one.missed}")
        on(
            one.name,
            f"systemctl unmask systemd-logind; systemctl start systemd-logind; loginctl enable-linger {PERSON}",
        )
        for root in (one.old, one.missed):  # their minutes pass while the other tests are at work
            one("provision", "dev", root=root)
            said = one("schedule", "install", "dev", "--run", "drift", "--every", "1m", "--cron", root=root)
            assert "* * * * * " in said
        yield one
    finally:
        subprocess.run(["docker", "rm", "-fv", one.name], capture_output=True, timeout=60, check=False)


def test_systemd_starts_it_again_and_again(machine):
    said = machine("schedule", "install", "dev", "--run", "drift", "--every", "10s", "--", "--quiet")
    assert "OnCalendar=*:*:0/10" in said
    assert eventually(lambda: machine.runs()[:2] == [0, 0], within=60)
    on(machine.name, "chmod 0600 /etc/ticks")
    assert eventually(lambda: machine.runs()[-1:] == [2], within=60)
    assert machine.standing(0)["missed"] == 0
    assert "by hand" in on(machine.name, "journalctl -o cat -u cdconf-drift-ticks.dev.service")
    state = on(machine.name, "systemctl is-failed cdconf-drift-ticks.dev.service")
    assert state in ("inactive", "activating"), "drift is no failure"  # the next one may be at work already
    on(machine.name, "systemctl stop cdconf-drift-ticks.dev.timer")
    assert "isn't started (inactive)" in machine.standing(1)["problem"]
    assert eventually(lambda: machine.standing(1)["missed"] >= 2, within=60)
    on(machine.name, "chmod 0644 /etc/ticks")
    machine("schedule", "remove", "dev")
    assert on(machine.name, "ls /etc/systemd/system | grep cdconf-drift") == ""
    machine("schedule", "status", code=1)
    assert eventually(lambda: machine.runs(machine.missed)[:1] == [0], within=180), "cron has started it once"
    on(machine.name, f"usermod -e 1 {PERSON}")  # from now on, cron starts nothing of theirs, and the line stays


def test_a_persons_own_systemd_starts_it_again_and_again(machine):
    said = machine("schedule", "install", "dev", "--run", "drift", "--every", "10s", root=machine.own)
    assert f"written: /home/{PERSON}/.config/systemd/user/cdconf-drift-own.dev.timer" in said
    assert eventually(lambda: machine.runs(machine.own)[:3] == [0, 0, 0], within=90)
    assert machine.standing(0, machine.own)["missed"] == 0
    docker("exec", *machine.person, "systemctl", "--user", "stop", "cdconf-drift-own.dev.timer")
    assert "isn't started (inactive)" in machine.standing(1, machine.own)["problem"]
    machine("schedule", "remove", "dev", root=machine.own)
    assert on(machine.name, f"ls /home/{PERSON}/.config/systemd/user | grep cdconf") == ""


def test_cron_starts_it_again_and_again(machine):
    """Its three minutes began before the other tests."""
    assert eventually(lambda: machine.runs(machine.old)[:3] == [0, 0, 0], within=480), on(machine.name, "crontab -l")
    assert machine.standing(0, machine.old)["last_success"]["code"] == 0


def test_a_tick_that_cron_misses_is_told(machine):
    """The account is closed: cron refuses to start anything, and says so nowhere that a person would look."""
    assert eventually(lambda: machine.standing(None, machine.missed)["missed"] >= 2, within=240)
    standing = machine.standing(1, machine.missed)
    assert "runs were missed: nothing has started them" in standing["problem"]
    assert standing["last_success"]["code"] == 0
    said = machine("schedule", "status", "dev", code=0, root=machine.old)
    assert "missed" not in said
    on(machine.name, f"usermod -e '' {PERSON}")
    machine("schedule", "remove", "dev", root=machine.missed)
    machine("schedule", "remove", "dev", root=machine.old)
    assert on(machine.name, "crontab -l") == "0 0 1 1 * true # mine"
