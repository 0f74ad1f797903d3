"""Hosts that behave badly beside as many that don't: what they cost the others, and the controller.

    python benchmarks/hostile.py [--hosts 32] [--rounds 3]

Good hosts are real agents behind a server on the loopback (see tests/hostile/between.py; it needs root), bad ones are
false servers, all in a process of their own. `cdconf run` prints what a host says as it comes: the time until the last
good host's line is compared within one round, with and without the bad ones. The controller's memory is its own
process's peak. It prints one line of JSON for each kind of bad host.

A run works on its hosts once all of them have answered or failed, since leases are taken by then: good hosts wait for
the deadline of one that takes the connection and says nothing. `beside_s` says so; what they are to keep is what they
share, processor and memory, so that the ratio is that of hosts that answer, and answer badly.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import paramiko

from tests.hostile.between import BetweenServer, apart
from tests.hostile.server import FalseServer

CDCONF = [sys.executable, "-m", "cdconf"]
# Those that answer, and those that only take up time
KINDS = ("no result", "a bomb", "events without end", "output with a long line", "floods echoes", "opens with a bomb",
         "thousands of channels", "a login without end", "ready, then silent")  # fmt: skip
HOST = "  {name}: {{address: 127.1.0.{number}, groups: [{group}], ssh: {{address: 127.0.0.1, port: {port}}}}}\n"


def serve(folder, count, kind, pipe):
    """The servers; their process ends with the pipe."""
    key = paramiko.RSAKey(filename=str(folder / "hostkey"))
    good = [BetweenServer(key, apart(folder / f"web{number}")) for number in range(count)]
    bad = [FalseServer(kind, key) for _ in range(count)]
    pipe.send(([one.port for one in good], [one.port for one in bad]))
    pipe.recv()
    os._exit(0)


def project(folder, good, bad):
    """A project with these hosts."""
    key = paramiko.RSAKey(filename=str(folder / "hostkey"))
    root = folder / "project"
    (root / "roles/base").mkdir(parents=True, exist_ok=True)
    (root / "cdconf.yml").write_text("project: bench\ngroups:\n  bad: [base]\n  web: [base]\n")
    (root / "roles/base/role.yml").write_text("resources:\n  - file: /srv/x\n    content: x\n")
    known = "".join(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n" for port in good + bad)
    (folder / "known").write_text(known)
    lines = [
        HOST.format(name=f"bad{number}", group="bad", number=number + 100, port=port) for number, port in enumerate(bad)
    ]
    lines += [
        HOST.format(name=f"web{number}", group="web", number=number + 1, port=port) for number, port in enumerate(good)
    ]
    top = f"ssh: {{user: root, identity_file: {folder}/id, known_hosts: {folder}/known}}\nhosts:\n"
    (root / "inventories/dev").mkdir(parents=True, exist_ok=True)
    (root / "inventories/dev/hosts.yml").write_text(top + "".join(lines))
    return root


def measured(root, count, *more):
    """Seconds until the last good host's line, and of the whole run; the controller's peak memory in MiB."""
    words = [*CDCONF, "run", "dev", "--forks", str(2 * count), *more, "--", "echo", "hello"]
    began, last, lines = time.monotonic(), 0.0, 0
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for line in process.stdout:
            if line.startswith("web") and "hello" in line:
                last, lines = time.monotonic() - began, lines + 1
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    if lines != count:
        raise SystemExit(f"{lines} of {count} good hosts were served")
    return last, time.monotonic() - began, used.ru_maxrss / 1024


def compare(folder, count, kind, rounds):
    """One kind of bad host; returns the figures, the best of the rounds."""
    ours, theirs = multiprocessing.Pipe()
    servers = multiprocessing.Process(target=serve, args=(folder, count, kind, theirs), daemon=True)
    servers.start()
    root = project(folder, *ours.recv())
    measured(root, count, "--limit", "web")  # the agents are on the hosts from here on
    found = []
    for _ in range(rounds):
        alone, _, before = measured(root, count, "--limit", "web")
        beside, whole, after = measured(root, count)
        found.append((beside / alone, alone, beside, whole, (after - before) / count))
    servers.terminate()
    servers.join()
    ratio, alone, beside, whole, memory = min(found)
    return {
        "kind": kind,
        "hosts": count,
        "ratio": round(ratio, 2),
        "alone_s": round(alone, 2),
        "beside_s": round(beside, 2),
        "whole_s": round(whole, 2),
        "mib_a_bad_host": round(memory, 1),
    }


def main():
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
