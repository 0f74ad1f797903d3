"""Every verb that talks to hosts, with hosts that behave badly beside one that's as it should be.

    python -m tests.hostile.verbs [--times 10] [--company 8] [--verbs PART] [--behaviours PART]
        [--seconds N] [--begin N] [--seed N]

Each behaviour meets each verb in company of others, and in the end alone (see `company`). Each run must end in time,
with each bad host's own clear error, the good one served where the verb serves hosts one by one, nothing raw on the
terminal, and no more memory than is promised for so many bad hosts. It prints what doesn't, and counts; its exit status
is 1 when anything didn't. `--begin` goes on after so many runs, with what `--seconds` has left. Limits are a second or
two, so that what ends by one ends soon.
"""

import argparse
import collections
import itertools
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import write
from tests.hostile.company import meetings
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
    "run dev --app shop -- true": True,
    "drift dev": True,
    "drift dev --applied": True,
    "drift dev --fix": False,
    "doctor dev": True,
    "facts dev": True,
    "lock status dev": True,
    "lock release dev --yes": True,
    "history rebuild dev": True,
    "logs dev --unit ssh": True,
    "smoke dev": True,
    "lock take dev --reason hands -- true": False,
    "deploy shop --to dev": False,
    "deploy shop --to dev --check": False,
    "deploy shop --to dev --resume": False,
    "rollback dev": False,
    "toggle shop dark on --env dev": False,
    "contract shop --env dev": False,
    "undrain shop --env dev --yes": False,
    "maintenance on shop --env dev": False,
    "maintenance off shop --env dev": False,
    "artifact gc --dry-run": False,
    "parity dev twin": False,
}
HOSTS = """
    ssh: {{user: root, identity_file: {home}/id, known_hosts: {home}/known}}
    hosts:
      web1: {{address: 127.0.0.1, ssh: {{address: 127.0.0.1, port: {port}}}, groups: [web]}}
    """
BAD = "      {name}: {{address: 127.0.0.{number}, ssh: {{address: 127.0.0.1, port: {port}{become}}}, groups: [web]}}\n"
MORE = """\
    toggles:
      dark: {default: off, doc: What nobody sees}
    migrate: {expand: "true", contract: "true"}
    drain: {group: web, command: "true", undrain: "true", wait: 0s}
    maintenance: {group: web, on: "true", off: "true", wait: 0s}
"""  # of the app
MEMORY = 64  # MiB that a bad host may cost
NOT_ALONE = "not alone"  # the good host wasn't served


def named(number):
    """The name of a bad host."""
    return f"bad{number}"


class Company(Ground):
    """A project with one host that's as it should be, and others that aren't."""

    def _fill(self):
        project = self.root / "cdconf.yml"
        project.write_text(project.read_text().replace("    user: root\n", "    user: root\n" + MORE))
        self.secret()
        self.commit()
        self.must("build", "shop")
        self.must("provision", "dev")
        self.must("deploy", "shop", "--to", "dev")

    def meet(self, behaviours, words):
        """Runs a verb; returns the result, and how long it took."""
        bad = [FalseServer(one, self.key) for one in behaviours]
        lines = [
            BAD.format(name=named(number), number=number + 2, port=one.port, become=", become: sudo" * is_sudo)
            for number, (one, is_sudo) in enumerate(zip(bad, (one in SUDOS for one in behaviours), strict=True))
        ]
        top = HOSTS.format(home=self.home, port=self.server.port).rstrip(" ")
        for name in ("dev", "twin"):
            write(self.root, {f"inventories/{name}/hosts.yml": top + "".join(lines)})
        self.know(*(one.port for one in bad))
        began = time.monotonic()
        try:
            more = {VARIABLE: "1", "CDCONF_SUDO_PASSWORD": PASSWORD}
            return self.run(*words.split(), timeout=LONGEST, **more), time.monotonic() - began
        finally:
            for one in bad:
                one.close()


def faults(words, done, count):
    """What's wrong with how a run beside so many bad hosts ended, in words."""
    both = done.stdout + done.stderr
    found = []
    codes = (0, 1, 4) if words.startswith("lock status") else (1, 4)  # it asks nothing once the session is open
    if "bug in cdconf" in both or "Traceback (most" in both or done.returncode not in codes:
        found.append("bug" if "bug in cdconf" in both or "Traceback" in both else "exit code")
    if any((ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 or one == "\u202e" for one in both):
        found.append("raw")
    unnamed = [name for name in map(named, range(count)) if not re.search(rf"\b{name}\b", both)]
    if unnamed or "no such option" in both or "missing option" in both:
        found.append("unnamed")
    if PASSWORD in both:
        found.append("secret")
    others = [line for line in both.splitlines() if "web1" in line and not re.search(r"\bbad\d", line)]
    if VERBS[words] and any("not attempted" in line or "unreachable" in line or "failed:" in line for line in others):
        found.append(NOT_ALONE)
    return found


class Counts:
    """What came of all runs; safe for threads.

    Args:
        memory: MiB of a process that has met no bad host.
    """

    def __init__(self, memory):
        self._lock = threading.Lock()
        self._least = memory
        self.by_verb = collections.defaultdict(collections.Counter)
        self.pairs = collections.Counter()
        self.told = collections.defaultdict(list)
        self.slowest, self.grown = (0.0, ""), (0.0, "")
        self.again = []

    def add(self, words, behaviours, found, done, took):
        """One run."""
        about = f"{words}: {', '.join(behaviours)}"
        with self._lock:
            self.by_verb[words][f"exit {done.returncode}" if done else "hang"] += 1
            self.pairs.update((words, one) for one in behaviours)
            self.slowest = max(self.slowest, (took, about))
            if done is not None:
                grown = (done.memory - self._least) / len(behaviours)
                self.grown = max(self.grown, (grown, about))
                found = [*found, *(["memory"] if grown > MEMORY else [])]
            if (runs := sum(map(sum, (one.values() for one in self.by_verb.values())))) % 100 == 0:
                print(f"{runs} runs", file=sys.stderr)  # a sweep that's killed has said how far it came
            if found:
                self.told[words, " ".join(found)].append((behaviours, done))
                print(f"{' '.join(found)}: cdconf {about}", flush=True)

    def show(self):
        """Prints it all; returns whether anything was wrong."""
        for (words, found), ways in self.told.items():
            print(f"--- {found}: cdconf {words}: {'; '.join(', '.join(ones) for ones, _ in ways)}")
            done = ways[0][1]
            print(f"{done.stdout[-1200:]}{done.stderr[-1500:]}" if done is not None else "it took too long")
        for words, counted in self.by_verb.items():
            print(f"{words:32} {dict(counted)}")
        runs = sum(sum(counted.values()) for counted in self.by_verb.values())
        least = min(self.pairs.values(), default=0)
        print(f"{len(self.pairs)} pairs, each {least} times or more: {sum(self.pairs.values())} in {runs} runs, "
              f"{sum(map(len, self.told.values()))} runs wrong")  # fmt: skip
        print(f"{len(self.again)} runs in which the good host had too little time were tried again: {self.again}")
        print(f"the slowest took {self.slowest[0]:.1f} s: {self.slowest[1]}")
        print(f"memory grew by {self.grown[0]:.0f} MiB for each bad host at most: {self.grown[1]}")
        return bool(self.told)


def sweep(folder, work, seconds, lanes):
    """Does it all, several at once: most of what they take is waiting.

    Args:
        folder: Where the projects lie.
        work: `(verb, behaviours)` each.
        seconds: After which no more are begun.
        lanes: Projects.
    """
    grounds, ends = [], time.monotonic() + seconds
    for number in range(lanes):
        (folder / str(number)).mkdir()
        grounds.append(Company(folder / str(number)))
    free, counts = collections.deque(grounds), Counts(grounds[0].run("status", "dev").memory)

    def one(words, behaviours):
        if time.monotonic() > ends:
            return
        ground = free.popleft()
        began = time.monotonic()
        try:
            done, took = ground.meet(behaviours, words)
            found = faults(words, done, len(behaviours))
            if found == [NOT_ALONE]:  # limits of a second are short for the good one, too, on a busy machine
                counts.again.append(f"{words}: {', '.join(behaviours)}")
                done, took = ground.meet(behaviours, words)
                found = faults(words, done, len(behaviours))
            counts.add(words, behaviours, found, done, took)
        except AssertionError as error:
            print(str(error)[-3000:], file=sys.stderr)
            counts.add(words, behaviours, ["hangs"], None, time.monotonic() - began)
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
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--company", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begin", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--shift", type=int, default=0)
    asked = parser.parse_args()
    pairs = itertools.product(VERBS, BEHAVIOURS)
    wanted = [one for one in pairs if asked.verbs in one[0] and asked.behaviours in one[1]]
    each = [words for words, is_each in VERBS.items() if is_each]
    work = meetings(wanted[asked.shift :: asked.every], each, asked.times, asked.company, asked.seed)[asked.begin :]
    with tempfile.TemporaryDirectory(prefix="hostile-verbs-") as folder:
        wrong = sweep(Path(folder), work, asked.seconds, asked.lanes).show()
    sys.exit(wrong)


if __name__ == "__main__":
    main()
