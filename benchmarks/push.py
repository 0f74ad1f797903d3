"""An artifact of 100 MB on its way to hosts: cdconf, `rsync -z` and `scp`, in one run, as ratios.

    python benchmarks/push.py [--hosts 3] [--runs 2] [--megabytes 100]

Each run pushes a first version to hosts that have nothing, then a second one with one line more in its middle. Seconds
are of the whole process, on all hosts at once: cdconf's includes lease, activation, verification, fsync, a smoke test
and history, the others only copy. Bytes are what the hosts' network interfaces counted, both ways together, per host.
The hosts are made by cdconf's docker provider and removed at the end.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from fleet import CDCONF, LONGEST, Failed, Fleet

from cdconf.inventory import Host

FORGET = (
    "rm -rf /srv/blob/releases /srv/blob/current /srv/rsync /srv/scp; mkdir -p /srv/rsync /srv/scp; "
    "cd /var/lib/cdconf/push && rm -f ledger.json manifest-* chunks-*"
)
NAMES = ("cdconf", "rsync -z", "scp")


@dataclass(frozen=True)
class Pushed:
    """One push: seconds, bytes a host, and the controller's largest process in MB."""

    wall: float
    bytes: float
    memory: float


def write_project(root: Path, hosts: int) -> None:
    """One app that is only files."""
    files = {
        "cdconf.yml": "project: push\ngroups: {web: [web]}\n"
        "apps: {blob: {groups: [web], path: /srv/blob, build: 'true', artifact: 'none-*.tar', batches: [100%]}}\n",
        "roles/web/role.yml": "resources: [{package: rsync}, {directory: /srv/blob}]\n",
        "roles/web/smoke/test_blob.py": "def test_it_is_there(host):\n"
        "    assert host.file('/srv/blob/current/data').is_file\n",
        "inventories/bench/hosts.yml": "provider: docker\nhosts:\n"
        + "".join(f"  h{number}: {{groups: [web]}}\n" for number in range(hosts)),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def write_versions(root: Path, megabytes: int) -> None:
    """`first` and `second`, trees and archives: text that deflates to a half; the second has one line more."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(5000)]
    for name in ("first", "second"):
        (root / name).mkdir()
    with (root / "first/data").open("w") as first, (root / "second/data").open("w") as second:
        size, changed = 0, False
        while size < megabytes * 1_000_000:
            line = " ".join(chance.choices(words, k=12)) + "\n"
            size += first.write(line)
            second.write(line)
            if not changed and size > megabytes * 500_000:
                changed = bool(second.write("one line more\n"))
    for name in ("first", "second"):
        with tarfile.open(root / f"{name}.tar", "w") as archive:
            archive.add(root / name / "data", "data")


def counted(host: Host) -> int:
    """Bytes that a host's interface has seen, both ways, by proc(5)'s /proc/net/dev."""
    text = subprocess.run(
        ["docker", "exec", container(host), "cat", "/proc/net/dev"], check=True, capture_output=True, text=True
    ).stdout
    fields = next(line.split(":")[1].split() for line in text.splitlines() if line.strip().startswith("eth0:"))
    return int(fields[0]) + int(fields[8])


def container(host: Host) -> str:
    """The container that publishes the host's SSH port."""
    command = ["docker", "ps", "--filter", f"publish={host.ssh.port}", "--format", "{{.ID}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Pushes:
    """What each tool does to push a version to all hosts."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.commands = {"cdconf": self._cdconf, "rsync -z": self._rsync, "scp": self._scp}

    def measure(self, tool: str, version: str) -> Pushed:
        """Pushes; raises `Failed` when a host hasn't got it afterwards."""
        os.sync()  # cdconf waits for the disk, which mustn't write what the others left in memory meanwhile
        before = sum(map(counted, self.fleet.hosts))
        command, began = self.commands[tool](version), time.perf_counter()
        process = subprocess.Popen(
            command, cwd=self.fleet.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        said = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Failed(f"{tool} ended with {process.returncode}:\n{said.decode(errors='replace')[-2000:]}")
        seen = (sum(map(counted, self.fleet.hosts)) - before) / self.fleet.count
        self._check(tool, version)
        return Pushed(wall, seen, usage.ru_maxrss / 1024)

    def _cdconf(self, version: str) -> list[str]:
        return [*CDCONF, "deploy", f"blob@{version}", "--to", "bench"]

    def _everywhere(self, line: str) -> list[str]:
        """A shell line for each host at once; fails when one of them does."""
        lines = "".join(f'{line.format(host=host.name)} & pids="$pids $!"; ' for host in self.fleet.hosts)
        return ["sh", "-c", f"{lines} for pid in $pids; do wait $pid || exit 1; done"]

    def _rsync(self, version: str) -> list[str]:
        return self._everywhere(f"rsync -rtz -e 'ssh -F ssh_config' {version}/ {{host}}:/srv/rsync/")

    def _scp(self, version: str) -> list[str]:
        return self._everywhere(f"scp -q -F ssh_config {version}/data {{host}}:/srv/scp/data")

    def _check(self, tool: str, version: str) -> None:
        place = {"cdconf": "/srv/blob/current", "rsync -z": "/srv/rsync", "scp": "/srv/scp"}[tool]
        wanted = (self.fleet.root / version / "data").stat().st_size
        for host in self.fleet.hosts:
            line = ["docker", "exec", container(host), "stat", "-Lc", "%s", f"{place}/data"]
            size = int(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
            if size != wanted:
                raise Failed(f"{tool} left {size} bytes instead of {wanted} on {host.name}")

    def forget(self) -> None:
        """Takes back what was pushed."""
        for host in self.fleet.hosts:
            subprocess.run(["docker", "exec", container(host), "sh", "-c", FORGET], check=True)


def show(found: dict[tuple[str, str], list[Pushed]]) -> None:
    for version, title in (("first", "first push"), ("second", "one line more")):
        base = statistics.median(one.wall for one in found["rsync -z", version])
        for tool in NAMES:
            figures = found[tool, version]
            wall = statistics.median(one.wall for one in figures)
            seen = statistics.median(one.bytes for one in figures)
            memory = f"  controller {max(one.memory for one in figures):4.0f} MB" if tool == "cdconf" else ""
            print(f"{title:14} {tool:9} {wall:6.2f} s  = {wall / base:5.2f} x rsync  {seen / 1000:10,.0f} kB{memory}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--megabytes", type=int, default=100)
    arguments = parser.parse_args()
    if shutil.which("rsync") is None:
        sys.exit("rsync is missing: apt-get install rsync")
    found: dict[tuple[str, str], list[Pushed]] = defaultdict(list)
    with Fleet(arguments.hosts, write_project) as fleet:
        write_versions(fleet.root, arguments.megabytes)
        for version in ("first", "second"):
            command = [*CDCONF, "artifact", "add", "blob", f"{version}.tar", "--version", version]
            subprocess.run(command, cwd=fleet.root, check=True, stdout=subprocess.DEVNULL, timeout=LONGEST)
        pushes = Pushes(fleet)
        for number in range(arguments.runs):
            pushes.forget()
            for version in ("first", "second"):
                for tool in NAMES:
                    found[tool, version].append(pushes.measure(tool, version))
                    print(f"run {number + 1}: {version}, {tool}: {found[tool, version][-1]}", file=sys.stderr)
    show(found)


if __name__ == "__main__":
    main()
