"""Hosts that behave badly beside as many that don't: what they cost the others, and the controller.

    python benchmarks/hostile.py [--hosts 32] [--rounds 3]

Good hosts are real agents behind a server on the loopback (see tests/hostile/between.py; it needs root), bad ones are
false servers, all in a process of their own. `cdconf run` prints what a host says as it comes: the time until the last
good host's line is compared within one round: alone, beside as many other good ones (`among_s`), and beside the bad
ones. Any host costs a connection, and all of it happens on one machine: `ratio` is that of the last two. The
controller's memory is its own process's peak. It prints one line of JSON for each kind of bad host.

A run works on its hosts once all of them have answered or failed, since leases are taken by then: good hosts wait for
the deadline of one that takes the connection and says nothing (`ready, then silent`).
"""

import argparse
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
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
         "thousands of channels", "a login without end", "ready, then silent")  # fmt: skip
HOST = "  {name}: {{address: 192.0.2.{number}, groups: [{group}], ssh: {{address: 127.0.0.1, port: {port}}}}}\n"


def serve(folder: Path, count: int, kind: str, pipe: Connection) -> None:
    """The servers; their process ends with the pipe."""
    key = paramiko.RSAKey(filename=str(folder / "hostkey"))
    good, more = (
        [between.BetweenServer(key, between.apart(folder / f"{group}{number}")) for number in range(count)]
        for group in ("web", "more")
    )
    bad = [server.FalseServer(kind, key) for _ in range(count)]
    pipe.send({"web": [one.port for one in good], "more": [one.port for one in more], "bad": [one.port for one in bad]})
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


def measured(root: Path, count: int, *more: str) -> tuple[float, float, float]:
    """Seconds until the last good host's line, and of the whole run; the controller's peak memory in MiB."""
    words = [*CDCONF, "run", "dev", "--forks", str(2 * count), *more, "--", "echo", "hello"]
    began, last, lines = time.monotonic(), 0.0, 0
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for line in process.stdout or ():
            if line.startswith("web") and "hello" in line:
                last, lines = time.monotonic() - began, lines + 1
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    if lines != count:
        raise SystemExit(f"{lines} of {count} good hosts were served")
    return last, time.monotonic() - began, used.ru_maxrss / 1024


def compare(folder: Path, count: int, kind: str, rounds: int) -> dict[str, object]:
    """One kind of bad host; returns the figures, the best of the rounds."""
    ours, theirs = multiprocessing.Pipe()
    servers = multiprocessing.Process(target=serve, args=(folder, count, kind, theirs), daemon=True)
    servers.start()
    root = project(folder, ours.recv())
    measured(root, count, "--limit", "web,more")  # the agents are on the hosts from here on
    found = []
    for _ in range(rounds):
        alone, _, before = measured(root, count, "--limit", "web")
        among, _, _ = measured(root, count, "--limit", "web,more")
        beside, whole, after = measured(root, count, "--limit", "web,bad")
        found.append((beside / among, alone, among, beside, whole, (after - before) / count))
    servers.terminate()
    servers.join()
    ratio, alone, among, beside, whole, memory = min(found)
    return {
        "kind": kind,
        "hosts": count,
        "ratio": round(ratio, 2),
        "alone_s": round(alone, 2),
        "among_s": round(among, 2),
        "beside_s": round(beside, 2),
        "whole_s": round(whole, 2),
        "mib_a_bad_host": round(memory, 1),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default="")
    asked = parser.parse_args()
    for kind in KINDS:
        if asked.kinds not in kind:
            continue
        with tempfile.TemporaryDirectory(prefix="bench-hostile-") as name:
            folder = Path(name)
            paramiko.RSAKey.generate(2048).write_private_key_file(str(folder / "hostkey"))
            paramiko.RSAKey.generate(2048).write_private_key_file(str(folder / "id"))
            print(json.dumps(compare(folder, asked.hosts, kind, asked.rounds)), flush=True)


if __name__ == "__main__":
    main()
