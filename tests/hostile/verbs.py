"""Every verb that talks to hosts, with a host that behaves badly beside one that's as it should be.

    python -m tests.hostile.verbs [--times 10] [--verbs PART] [--behaviours PART] [--seconds N]

Each run must end in time with that host's own clear error, the other host served where the verb serves hosts one by
one, and nothing raw on the terminal. It prints what doesn't, and counts; its exit status is 1 when anything didn't.
Limits are a second or two, so that what ends by one ends soon.
"""

import argparse
import collections
import itertools
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import write
from tests.hostile.ground import Ground
from tests.hostile.hasty import VARIABLE
from tests.hostile.logins import PASSWORD, SUDOS
from tests.hostile.server import BEHAVIOURS, FalseServer

LONGEST = 60  # seconds
# Verb -> whether the other host is served all the same
VERBS = {
    "status dev": True,
    "status dev --json": True,
    "plan dev": True,
    "plan dev --out other.json": True,
    "provision dev": False,
    "provision dev --check --diff": True,
    "run dev -- true": True,
    "drift dev": True,
    "facts dev": True,
    "lock status dev": True,
    "lock release dev --yes": True,
    "history rebuild dev": True,
    "logs dev --unit ssh": True,
    "smoke dev": True,
    "lock take dev --reason hands -- true": False,
    "deploy shop --to dev": False,
    "rollback dev": False,
    "artifact gc --dry-run": False,
    "parity dev twin": False,
}
HOSTS = """
    ssh: {{user: root, identity_file: {home}/id, known_hosts: {home}/known}}
    hosts:
      web1: {{address: 127.0.0.1, ssh: {{address: 127.0.0.1, port: {port}}}, groups: [web]}}
      web2: {{address: 127.0.0.2, ssh: {{address: 127.0.0.1, port: {bad}{become}}}, groups: [web]}}
    """


class Pair(Ground):
    """A project with two hosts, of which one behaves badly."""

    def _fill(self):
        self.secret()
        self.commit()
        self.must("build", "shop")
        self.must("provision", "dev")
        self.must("deploy", "shop", "--to", "dev")

    def meet(self, behaviour, words):
        """Runs a verb; returns the result, and how long it took."""
        bad = FalseServer(behaviour, self.key)
        become = ", become: sudo" if behaviour in SUDOS else ""
        for name in ("dev", "twin"):
            text = HOSTS.format(home=self.home, port=self.server.port, bad=bad.port, become=become)
            write(self.root, {f"inventories/{name}/hosts.yml": text})
        self.know(bad.port)
        began = time.monotonic()
        try:
            more = {VARIABLE: "1", "CDCONF_SUDO_PASSWORD": PASSWORD}
            return self.run(*words.split(), timeout=LONGEST, **more), time.monotonic() - began
        finally:
            bad.close()


def faults(words, done):
    """What's wrong with how a run ended, in words."""
    both = done.stdout + done.stderr
    found = []
    codes = (0, 1, 4) if words.startswith("lock status") else (1, 4)  # it asks nothing once the session is open
    if "bug in cdconf" in both or "Traceback (most" in both or done.returncode not in codes:
        found.append("bug" if "bug in cdconf" in both or "Traceback" in both else "exit code")
    if any((ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 or one == "\u202e" for one in both):
        found.append("raw")
    if "web2" not in both or "no such option" in both or "missing option" in both:
        found.append("unnamed")
    if PASSWORD in both:
        found.append("secret")
    others = [line for line in both.splitlines() if "web1" in line and "web2" not in line]
    if VERBS[words] and any("not attempted" in line or "unreachable" in line or "failed:" in line for line in others):
        found.append("not alone")
    return found


class Counts:
    """What came of all runs; safe for threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self.by_verb = collections.defaultdict(collections.Counter)
        self.told = collections.defaultdict(list)
        self.slowest = (0.0, "")

    def add(self, words, behaviour, found, done, took):
        """One run."""
        with self._lock:
            self.by_verb[words][f"exit {done.returncode}" if done else "hang"] += 1
            self.slowest = max(self.slowest, (took, f"{words}: {behaviour}"))
            if found:
                self.told[words, " ".join(found)].append((behaviour, done))
                print(f"{' '.join(found)}: {behaviour}: cdconf {words}", flush=True)

    def show(self):
        """Prints it all; returns whether anything was wrong."""
        for (words, found), ways in self.told.items():
            print(f"--- {found}: cdconf {words}: {', '.join(one for one, _ in ways)}")
            done = ways[0][1]
            print(f"{done.stdout[-600:]}{done.stderr[-900:]}" if done is not None else "it took too long")
        for words, counted in self.by_verb.items():
            print(f"{words:32} {dict(counted)}")
        runs = sum(sum(counted.values()) for counted in self.by_verb.values())
        print(f"{runs} runs, {sum(map(len, self.told.values()))} wrong; the slowest took {self.slowest[0]:.1f} s: "
              f"{self.slowest[1]}")  # fmt: skip
        return bool(self.told)


def sweep(folder, work, seconds, lanes):
    """Does it all, several at once: most of what they take is waiting.

    Args:
        folder: Where the projects lie.
        work: `(verb, behaviour)` each.
        seconds: After which no more are begun.
        lanes: Projects.
    """
    counts, grounds, ends = Counts(), [], time.monotonic() + seconds
    for number in range(lanes):
        (folder / str(number)).mkdir()
        grounds.append(Pair(folder / str(number)))
    free = collections.deque(grounds)

    def one(words, behaviour):
        if time.monotonic() > ends:
            return
        ground = free.popleft()
        began = time.monotonic()
        try:
            done, took = ground.meet(behaviour, words)
            counts.add(words, behaviour, faults(words, done), done, took)
        except AssertionError as error:
            print(str(error)[-3000:], file=sys.stderr)
            counts.add(words, behaviour, ["hangs"], None, time.monotonic() - began)
        finally:
            free.append(ground)

    with ThreadPoolExecutor(lanes) as pool:
        for future in [pool.submit(one, *each) for each in work]:
            future.result()
    for ground in grounds:
        ground.close()
    return counts


def main():
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--verbs", default="")
    parser.add_argument("--behaviours", default="")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--lanes", type=int, default=6)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--shift", type=int, default=0)
    asked = parser.parse_args()
    pairs = itertools.product(VERBS, BEHAVIOURS)
    wanted = [one for one in pairs if asked.verbs in one[0] and asked.behaviours in one[1]]
    work = wanted[asked.shift :: asked.every] * asked.times
    with tempfile.TemporaryDirectory(prefix="hostile-verbs-") as folder:
        wrong = sweep(Path(folder), work, asked.seconds, asked.lanes).show()
    sys.exit(wrong)


if __name__ == "__main__":
    main()
