"""A real agent that lies at one call, beside two that tell the truth: every verb, and every call that it makes.

    python -m tests.hostile.lies [--verbs PART] [--calls PART] [--lies PART] [--seconds N] [--every N] [--shift N]

The agents run on this machine, in directories of their own (see `between`). Each run must end in time with the liar's
own error, nothing raw on the terminal; a look serves the others, and a rollout leaves each of the others on one
release, the one from before where it has failed. Once all tell the truth again, the next deployment must end well. It
prints what doesn't, and counts by verb; its exit status is 1 when anything didn't.
"""

import argparse
import collections
import itertools
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import write
from tests.hostile.between import LIES, BetweenServer, apart
from tests.hostile.ground import PROJECT, Ground
from tests.hostile.hasty import VARIABLE

LONGEST = 100  # seconds
LIAR = "web2"
NAMES = ("web1", "web2", "web3")
GOOD, BAD = "good", "bad"  # a release that proves well, and one that doesn't on the last host
LAST = "srv/shop-last"  # a file on that host
HEALTH = f"""
        health: {{command: "test ! -e /{LAST} || ! grep -rqx bad /srv/shop/current/", within: 1s}}
        batches: [1, 100%]"""
HOST = "  {name}: {{address: 127.0.0.{number}, ssh: {{address: 127.0.0.1, port: {port}}}, groups: [web]}}\n"
# Verb -> the release that's built before it, if any. A rollout comes before the looks: each leaves the hosts in order.
VERBS = {
    "deploy shop --to dev": GOOD,
    "deploy shop --to dev -v": BAD,
    "rollback dev": GOOD,
    "drift dev": None,
    "plan dev": None,
    "plan dev --out other.json": None,
    "provision dev": None,
    "status dev": None,
    "facts dev": None,
    "run dev -- true": None,
    "lock status dev": None,
    "lock release dev --yes": None,
    "history rebuild dev": None,
    "artifact gc --dry-run": None,
    "parity dev dev2": None,
}
LOOKS = ("drift dev", "plan dev", "status dev", "facts dev")  # serve the others all the same
DEPLOY = "deploy shop --to dev"


class Three(Ground):
    """A project with three hosts, of which one may lie."""

    def _fill(self):
        write(self.root, {"cdconf.yml": PROJECT.replace("        user: root", f"        user: root{HEALTH}", 1)})
        self.number = 0
        self.servers = {"web1": self.server}
        for name in NAMES[1:]:
            self.servers[name] = BetweenServer(self.key, apart(self.folder / name))
        self.know(*(server.port for server in self.servers.values()))
        text = f"ssh: {{user: root, identity_file: {self.home}/id, known_hosts: {self.home}/known}}\nhosts:\n"
        for number, (name, server) in enumerate(self.servers.items()):
            text += HOST.format(name=name, number=number + 1, port=server.port)
        write(self.root, {"inventories/dev/hosts.yml": text, "inventories/dev2/hosts.yml": text})
        self.secret()
        (self.root / "inventories/dev2/secrets.yml").write_text((self.root / "inventories/dev/secrets.yml").read_text())
        self.commit()
        self.must("provision", "dev")
        self.release(GOOD)
        self.must(*DEPLOY.split())
        (self.folder / "web3" / LAST).touch()

    def release(self, kind):
        """Builds a release of a kind."""
        self.number += 1
        write(self.root, {"content/version": f"{self.number}\n", "content/kind": f"{kind}\n"})
        self.commit()
        self.must("build", "shop")

    def served(self):
        """Host -> the release that it has."""
        return {name: (self.folder / name / "srv/shop/current").readlink().name for name in NAMES}

    def calls(self, words):
        """What a verb asks the liar, when nobody lies."""
        self.servers[LIAR].asked.clear()
        if VERBS[words]:
            self.release(VERBS[words])
        self.run(*words.split(), timeout=LONGEST)
        found = list(dict.fromkeys(self.servers[LIAR].asked))
        self.mend()
        return found

    def mend(self):
        """Brings all hosts to a new release, by a run in which nobody lies; returns what's wrong, in words."""
        self.servers[LIAR].at = None
        self.run("lock", "release", "dev", "--yes", timeout=LONGEST)
        self.release(GOOD)
        done = self.run(*DEPLOY.split(), timeout=LONGEST)
        if done.returncode or len(set(self.served().values())) != 1:
            return [f"the next one fails: {done.returncode} {self.served()} {done.stderr[-900:]}"]
        return []

    def close(self):
        for server in self.servers.values():
            server.close()


def faults(ground, words, at, done, before):
    """What's wrong with how a run has ended, in words."""
    both, found = done.stdout + done.stderr, []
    if "bug in cdconf" in both or "Traceback (most" in both or done.returncode not in (0, 1, 2, 3, 4):
        found.append("bug")
    if any((ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 or one == "\u202e" for one in both):
        found.append("raw")
    if done.returncode in (1, 3, 4) and LIAR not in both:
        found.append("unnamed")
    if words in LOOKS and any(
        word in line for line in both.splitlines() for word in ("not attempted", "unreachable") if "web2" not in line
    ):
        found.append("not alone")
    others = {name: release for name, release in ground.served().items() if name != LIAR}
    is_confirmed = at == "app.confirm" or done.returncode == 0
    if VERBS[words] and not is_confirmed and any(others[name] != before[name] for name in others):
        found.append(f"half done: {ground.served()}, not {before}")
    return found


def meet(ground, words, at, lie):
    """One run; returns what's wrong, its result and how long it took."""
    if VERBS[words]:
        ground.release(VERBS[words])
    before, liar = ground.served(), ground.servers[LIAR]
    liar.at, liar.lie = at, lie
    liar.asked.clear()
    began = time.monotonic()
    try:
        done = ground.run(*words.split(), timeout=LONGEST, **{VARIABLE: "1"})
    except AssertionError as error:
        return ["hangs", *ground.mend()], None, time.monotonic() - began, str(error)[-1500:]
    took = time.monotonic() - began
    found = faults(ground, words, at, done, before) if at in liar.asked else ["not asked"]
    liar.at = None
    if VERBS[words] or found:
        found += ground.mend()
    return found, done.returncode, took, (done.stdout + done.stderr)[-1500:]


def sweep(ground, asked):
    """All that's asked for; returns the counts by verb and what was wrong."""
    counts, wrong, ends = collections.defaultdict(collections.Counter), [], time.monotonic() + asked.seconds
    for words in [one for one in VERBS if asked.verbs in one]:
        calls = [one for one in ground.calls(words) if asked.calls in one]
        pairs = list(itertools.product(calls, [one for one in LIES if asked.lies in one]))
        print(f"cdconf {words}: {', '.join(calls)}", flush=True)
        for at, lie in pairs[asked.shift :: asked.every]:
            if time.monotonic() > ends:
                break
            found, code, took, said = meet(ground, words, at, lie)
            counts[words][f"exit {code}"] += 1
            if found and found != ["not asked"]:
                wrong.append((words, at, lie))
                counts[words].update(one.partition(":")[0] for one in found)
                print(f"{'; '.join(found)} | {at} | {lie} | exit {code} | {took:.1f} s\n{said}", flush=True)
    return counts, wrong


def main():
    """See the module."""
    parser = argparse.ArgumentParser()
    for name in ("--verbs", "--calls", "--lies"):
        parser.add_argument(name, default="")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--shift", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-lies-") as folder:
        ground = Three(Path(folder))
        counts, wrong = sweep(ground, asked)
        ground.close()
    for words, counted in counts.items():
        print(f"{words:32} {dict(counted)}")
    runs = sum(number for counted in counts.values() for name, number in counted.items() if name.startswith("exit"))
    print(f"{runs} runs, {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
