"""Hosts to measure on, made by cdconf's docker provider and removed at the end; timing; the floor."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import workload

from cdconf.environments import provider_for
from cdconf.inventory import Host, load_environment, load_project

CDCONF = [sys.executable, "-m", "cdconf"]
LONGEST = 1800  # seconds that one command may take


class Failed(Exception):
    """A command failed; the message is the end of what it said."""


@dataclass(frozen=True)
class Figure:
    """Seconds of the whole process, and CPU seconds of the controller (children waited for)."""

    wall: float
    cpu: float


def timed(
    command: list[str], folder: Path, environment: dict[str, str] | None = None, ok: tuple[int, ...] = (0,)
) -> Figure:
    """Runs a command to its end.

    Raises:
        Failed: Its exit status isn't one of `ok`.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            timeout=LONGEST,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in ok:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Failed(f"{' '.join(command[:3])} ended with {done.returncode}:\n{said}")
    return Figure(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


class Fleet:
    """`count` hosts called h0, h1, …, and others, as `write` writes the project.

    Attributes:
        root: The cdconf project.
        others: By name, those that aren't measured together.
        hosts: h0, h1, … with everything that ssh needs to reach them.
        ssh_config: For tools that use OpenSSH: the hosts by their names.
    """

    def __init__(self, count: int, write: Callable[[Path, int], None] = workload.write_project) -> None:
        self.count = count
        self._write = write
        self.root = Path(tempfile.mkdtemp(prefix="cdconf-bench-"))
        self.ssh_config = self.root / "ssh_config"
        self.hosts: list[Host] = []
        self.others: dict[str, Host] = {}

    def __enter__(self) -> "Fleet":
        self._write(self.root, self.count)
        try:
            timed([*CDCONF, "provision", "bench"], self.root)
        except BaseException:
            self._remove()
            raise
        self.project = load_project(self.root)
        self.environment = load_environment(self.project, "bench")
        located = provider_for(self.project, self.environment).locate(list(self.environment.hosts.values()))
        self.others = {name: located.pop(name) for name in list(located) if not name.startswith("h")}
        self.hosts = list(located.values())
        self.ssh_config.write_text("".join(map(_ssh_entry, self.hosts)))
        return self

    def __exit__(self, *ignored: object) -> None:
        self._remove()

    def _remove(self) -> None:
        subprocess.run([*CDCONF, "destroy", "bench", "--yes"], cwd=self.root, check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def provision(self) -> Figure:
        """cdconf, as the others are run: the whole process, history and lease included."""
        return timed([*CDCONF, "provision", "bench", "--limit", "web"], self.root)

    def differences(self) -> str:
        """What `cdconf plan` would still change: whether another tool did the same work. Empty when it did."""
        done = subprocess.run(
            [*CDCONF, "plan", "bench", "--limit", "web"], cwd=self.root, check=False, capture_output=True, text=True
        )
        return done.stdout + done.stderr if done.returncode else ""

    def undo(self) -> None:
        """Takes back what a first run makes, but the package."""
        timed([*CDCONF, "run", "bench", "--limit", "web", "--", workload.UNDO], self.root)

    def floor(self) -> Figure:
        """`ssh HOST true` on all hosts in parallel."""
        line = "".join(f"ssh -F {self.ssh_config} {host.name} true & " for host in self.hosts) + "wait"
        return timed(["sh", "-c", line], self.root)


def _ssh_entry(host: Host) -> str:
    settings = {
        "HostName": host.ssh.address,
        "Port": host.ssh.port,
        "User": host.ssh.user or "root",
        "IdentityFile": host.ssh.identity_file,
        "UserKnownHostsFile": host.ssh.known_hosts,
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
    }
    return f"Host {host.name}\n" + "".join(f"  {name} {value}\n" for name, value in settings.items())
