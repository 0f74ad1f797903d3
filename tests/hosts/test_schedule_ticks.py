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

PROJECT = {
    "cdconf.yml": "project: ticks\ngroups:\n  web: [base]\n",
    "inventories/dev/hosts.yml": "hosts:\n  here: {transport: local, groups: [web]}\n",
    "roles/base/role.yml": "resources:\n  - file: /etc/ticks\n    content: x\n    mode: '0644'\n",
}
PYTHON = [sys.executable, "-P", "-m", "cdconf"]


class Machine:
    """A container with this test's own cdconf, and a project whose only host it is."""

    def __init__(self, folder):
        self.name = f"ticks-{uuid.uuid4().hex[:8]}"
        self.root = write(folder / "project", PROJECT)
        self.old = write(folder / "old", {**PROJECT, "cdconf.yml": PROJECT["cdconf.yml"].replace("ticks", "old")})
        shared = {str(Path(cdconf.__file__).parents[1]), sys.base_prefix, sys.prefix, sysconfig.get_path("purelib")}
        places = [f"--volume={one}:{one}:ro" for one in sorted(shared) if one not in ("/usr", "/")]
        docker("run", "-d", "--name", self.name, *RUN, *places, f"--volume={folder}:{folder}", base_image())

    def __call__(self, *words, code=0, root=None):
        """Runs cdconf there; its output."""
        command = ["docker", "exec", "-e", "HOME=/root", "-w", str(root or self.root), self.name, *PYTHON, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

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
        one("provision", "dev", root=one.old)
        packages = "apt-get -q update && apt-get -qy --no-install-recommends install cron"
        on(one.name, f"export DEBIAN_FRONTEND=noninteractive; {packages}; systemctl start cron")
        on(one.name, "echo '0 0 1 1 * true # mine' | crontab -")
        said = one("schedule", "install", "dev", "--run", "drift", "--every", "1m", "--cron", root=one.old)
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
    assert on(machine.name, "systemctl is-failed cdconf-drift-ticks.dev.service") == "inactive", "drift is no failure"
    on(machine.name, "systemctl stop cdconf-drift-ticks.dev.timer")
    assert "isn't started (inactive)" in machine.standing(1)["problem"]
    assert eventually(lambda: machine.standing(1)["missed"] >= 2, within=60)
    on(machine.name, "chmod 0644 /etc/ticks")
    machine("schedule", "remove", "dev")
    assert on(machine.name, "ls /etc/systemd/system | grep cdconf-drift") == ""
    machine("schedule", "status", code=1)


def test_cron_starts_it_again_and_again(machine):
    """Its three minutes began before the other test."""
    assert eventually(lambda: machine.runs(machine.old)[-3:] == [0, 0, 0], within=480), on(machine.name, "crontab -l")
    assert machine.standing(0, machine.old)["last_success"]["code"] == 0
    machine("schedule", "remove", "dev", root=machine.old)
    assert on(machine.name, "crontab -l") == "0 0 1 1 * true # mine"
