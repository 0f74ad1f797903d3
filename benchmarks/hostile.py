"""Hosts that behave badly beside as many that don't: what they cost the others, and the controller.

    python benchmarks/hostile.py [--hosts 32] [--rounds 3]

Good hosts are real agents behind a server on the loopback (see tests/hostile/between.py; it needs root) in a process of
its own, bad ones are false servers in another. The time until the last good host's line is compared within one round:
alone, beside as many other good ones (`among_s`), and beside the bad ones. Any host costs a connection, and all of it
happens on one machine: `ratio` is that of the last two, and `cpu_ratio` that of the processor time that the controller
itself has used by then: what the servers take of a small machine isn't in it. The controller's memory is its own
process's peak. It prints one line of JSON for each verb and kind of bad host.

`plan` looks at each host once it's connected. `work` is a command of five seconds on each host, as long as a host's
part of a small deployment: its `ratio_alone` says by how much bad hosts make that longer. `run` and `work` hold leases,
on all hosts or on none: they begin once all have answered or failed, so that good hosts wait for the deadline of one
that takes the connection and says nothing (`ready, then silent`).
"""

import argparse
import importlib
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import paramiko

between: Any = importlib.import_module("tests.hostile.between")
server: Any = importlib.import_module("tests.hostile.server")

CDCONF = [sys.executable, "-m", "cdconf"]
# Those that answer, and those that only take up time
KINDS = ("no result", "a bomb", "events without end", "another's answers", "floods echoes", "opens with a bomb",
         "thousands of channels", "ignored without end", "a login without end", "ready, then silent")  # fmt: skip
# Verb -> its words before and behind the options
VERBS = {
    "plan": ("plan dev", []),
    "run": ("run dev", ["--", "echo", "hello"]),
    "work": ("run dev", ["--", "sleep 5; echo hello"]),
}
LONGEST = 300  # seconds
HOST = "  {name}: {{address: 192.0.2.{number}, groups: [{group}], ssh: {{address: 127.0.0.1, port: {port}}}}}\n"


def serve(folder: Path, count: int, kind: str, pipe: Connection) -> None:
    """The servers, good ones if there's no kind; their process ends with the pipe."""
    key = paramiko.RSAKey(filename=str(folder / "hostkey"))
    if kind:
        servers = [server.FalseServer(kind, key) for _ in range(count)]
        pipe.send({"bad": [one.port for one in servers]})
    else:
        groups = {
            group: [between.BetweenServer(key, between.apart(folder / f"{group}{number}")) for number in range(count)]
            for group in ("web", "more")
        }
        pipe.send({group: [one.port for one in listed] for group, listed in groups.items()})
    pipe.recv()
    os._exit(0)


def project(folder: Path, ports: dict[str, list[int]]) -> Path:
    """A project with these hosts, by their groups."""
    key = paramiko.RSAKey(filename=str(folder / "hostkey"))
    root = folder / "project"
    (root / "roles/base").mkdir(parents=True, exist_ok=True)
    (root / "cdconf.yml").write_text("project: bench\ngroups:\n  bad: [base]\n  web: [base]\n  more: [base]\n")
    (root / "roles/base/role.yml").write_text("resources:\n  - file: /srv/x\n    content: x\n")
    pinned = f"{key.get_name()} {key.get_base64()}"
    known = "".join(f"[127.0.0.1]:{port} {pinned}\n" for group in ports.values() for port in group)
    (folder / "known").write_text(known)
    lines = [
        HOST.format(name=f"{group}{number}", group=group, number=60 * place + number + 1, port=port)
        for place, (group, listed) in enumerate(ports.items())
        for number, port in enumerate(listed)
    ]
    top = f"ssh: {{user: root, identity_file: {folder}/id, known_hosts: {folder}/known}}\nhosts:\n"
    (root / "inventories/dev").mkdir(parents=True, exist_ok=True)
    (root / "inventories/dev/hosts.yml").write_text(top + "".join(lines))
    return root


def used_by(process: int) -> float:
    """Seconds of processor time that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(root: Path, count: int, verb: str, limit: str) -> dict[str, float]:
    """Seconds and the controller's processor time until the last good host's line, the whole's, and its peak memory."""
    words = [*CDCONF, *VERBS[verb][0].split(), "--forks", str(2 * count), "--limit", limit, *VERBS[verb][1]]
    began, seen = time.monotonic(), set()
    found: dict[str, float] = {}
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        ends = threading.Timer(LONGEST, process.kill)
        ends.start()
        for line in process.stdout or ():
            good = re.match(r"\W*(web\d+): *(hello|file )", line)
            if good and good[1] not in seen:
                seen.add(good[1])
                found |= {"seconds": time.monotonic() - began, "cpu": used_by(process.pid)}
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        ends.cancel()
    if len(seen) != count:
        raise SystemExit(f"{len(seen)} of {count} good hosts were served")
    return found | {"whole": time.monotonic() - began, "memory": used.ru_maxrss / 1024}


def started(folder: Path, count: int, kind: str) -> tuple[multiprocessing.Process, dict[str, list[int]]]:
    """Servers in a process of their own, and their ports by group."""
    ours, theirs = multiprocessing.Pipe()
    servers = multiprocessing.Process(target=serve, args=(folder, count, kind, theirs), daemon=True)
    servers.start()
    return servers, ours.recv()


def compare(folder: Path, count: int, kind: str, verb: str, rounds: int) -> dict[str, object]:
    """One kind of bad host; returns the figures, the best of the rounds."""
    good, ports = started(folder, count, "")
    bad, more = started(folder, count, kind)
    root = project(folder, more | ports)
    measured(root, count, verb, "web,more")  # the agents are on the hosts from here on
    found = []
    for _ in range(rounds):
        alone, among, beside = (measured(root, count, verb, limit) for limit in ("web", "web,more", "web,bad"))
        found.append((beside["seconds"] / among["seconds"], alone, among, beside))
    for servers in (good, bad):
        servers.terminate()
        servers.join()
    ratio, alone, among, beside = min(found, key=lambda one: one[0])
    return {
        "kind": kind,
        "verb": verb,
        "hosts": count,
        "ratio": round(ratio, 2),
        "ratio_alone": round(beside["seconds"] / alone["seconds"], 2),
        "cpu_ratio": round(beside["cpu"] / among["cpu"], 2),
        "alone_s": round(alone["seconds"], 2),
        "among_s": round(among["seconds"], 2),
        "beside_s": round(beside["seconds"], 2),
        "whole_s": round(beside["whole"], 2),
        "cpu_s": [round(one["cpu"], 2) for one in (alone, among, beside)],
        "mib_a_bad_host": round((beside["memory"] - alone["memory"]) / count, 1),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--verbs", default="")
    asked = parser.parse_args()
    wanted = [one for one in itertools.product(VERBS, KINDS) if asked.verbs in one[0] and asked.kinds in one[1]]
    for verb, kind in wanted:
        with tempfile.TemporaryDirectory(prefix="bench-hostile-") as name:
            folder = Path(name)
            paramiko.RSAKey.generate(2048).write_private_key_file(str(folder / "hostkey"))
            paramiko.RSAKey.generate(2048).write_private_key_file(str(folder / "id"))
            print(json.dumps(compare(folder, asked.hosts, kind, verb, asked.rounds)), flush=True)


if __name__ == "__main__":
    main()
