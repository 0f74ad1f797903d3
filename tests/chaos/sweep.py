"""Deployments that are killed, cut off and stopped at evenly spread moments, under load.

    python -m tests.chaos.sweep --kills 100 --cuts 30 --stops 20

Each round deploys a new version and strikes once: SIGKILL of the controller, a host's network cut, or a host's power.
Then, without anybody's help, every host must serve the old version or the new one, whole, all the same, and the lease
must come free; only where a host was cut off at the very commit may they differ, and then `status` names it and
`deploy --resume` ends it. At last the next deployment must succeed. Prints what it counted; exits with 1 on any breach.
"""

import argparse
import collections
import signal
import sys
import time

from tests.chaos.load import Load
from tests.chaos.world import World
from tests.conftest import cdconf

LIMIT = 120.0  # seconds for a deployment that was struck to end
SETTLED = 60.0  # seconds beyond the switches' time until all is quiet


class Breach(AssertionError):
    """A promise was broken."""


class Sweep:
    """One sweep over a world; `count` says what came of its rounds."""

    def __init__(self, world, say=print):
        self.world = world
        self.say = say
        self.count = collections.Counter()
        self.breaches = []
        self.duration = 0.0
        self.current = None

    def prepare(self):
        """Deploys twice; the second one's duration is the one over which strikes are spread."""
        for _ in range(2):
            version = self.world.build()
            began = time.monotonic()
            self.world.must("deploy", f"app@{version}", "--to", "dev")
            self.duration, self.current = time.monotonic() - began, version
        self.say(f"a deployment to {len(self.world.hosts)} hosts takes {self.duration:.1f} s")

    def strike(self, kind, rounds):
        """All rounds of a kind: `kill`, `cut` or `stop`."""
        for number in range(rounds):
            moment = self.duration * (number + 0.5) / rounds
            host = self.world.hosts[number % len(self.world.hosts)]
            try:
                ended = self._round(kind, moment, host)
            except Breach as error:
                ended = f"BREACH: {error}"
                self.breaches.append(f"{kind} at {moment:.2f} s: {error}")
                self._recover()
            self.count[kind, ended if not ended.startswith("BREACH") else "breach"] += 1
            where = "" if kind == "kill" else f" of {host}"
            self.say(f"{kind}{where} at {moment:.2f} s of {self.duration:.2f}: {ended}")

    def _round(self, kind, moment, host):
        old, new = self.current, self.world.build()
        with (self.world.root / ".cdconf/struck.log").open("w+") as log:
            process = self.world.deploying(new, log)
            time.sleep(moment)
            in_time = process.poll() is None
            self._hit(kind, process, host)
            log.seek(0)
            said = log.read()
        if "Traceback" in said:
            raise Breach(f"a traceback:\n{said}")
        stands = self._settled()
        served = {name: self.world.served(name) for name in self.world.hosts}
        if not set(served.values()) <= {old, new}:
            raise Breach(f"served {served}, not {old} or {new}\n{said}")
        ended = "old" if set(served.values()) == {old} else "new"
        if len(set(served.values())) != 1:
            self._resumed(stands, new, served, said)
            ended = "differed at the commit, resumed"
        result = cdconf(self.world.root, "deploy", f"app@{new}", "--to", "dev")
        if result.returncode != 0:
            raise Breach(f"the next deployment failed: {result.returncode}\n{result.stderr}")
        self._same(new)
        self.current = new
        return ended if in_time else f"{ended}, it was over already"

    def _hit(self, kind, process, host):
        """Strikes, and waits for the controller's end; then the host is itself again."""
        try:
            if kind == "kill":
                process.send_signal(signal.SIGKILL)
            elif kind == "cut":
                self.world.cut(host)
            else:
                self.world.stop(host)
            process.wait(timeout=LIMIT)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if kind == "cut":
                self.world.mend(host)
            elif kind == "stop":
                self.world.start(host)

    def _settled(self):
        """Waits until no host has a lease or an armed switch; returns what `status` says then."""
        deadline = time.monotonic() + 2 * self.world.within + SETTLED
        while True:
            document = self.world.status()
            hosts = document.get("status") or {}
            quiet = len(hosts) == len(self.world.hosts) and all(
                one["lease"] is None and one["apps"]["app"]["activating"] is None for one in hosts.values()
            )
            if quiet and all(self.world.served(name) for name in self.world.hosts):
                return document
            if time.monotonic() > deadline:
                raise Breach(f"it never came to rest: {hosts or document}")
            time.sleep(0.5)

    def _resumed(self, stands, new, served, said):
        found = stands["interrupted"].get("app")
        if found is None or found["ending"] != "finish":
            raise Breach(f"hosts differ and status doesn't say why: {served}, {stands['interrupted']}\n{said}")
        behind = {name for name, version in served.items() if version != new}
        if behind != set(found["reverted"]):
            raise Breach(f"status names {found['reverted']}, but {sorted(behind)} are behind")
        result = cdconf(self.world.root, "deploy", "app", "--to", "dev", "--resume")
        if result.returncode != 0:
            raise Breach(f"--resume failed: {result.returncode}\n{result.stderr}")
        self._same(new)

    def _same(self, version):
        served = {name: self.world.served(name) for name in self.world.hosts}
        if set(served.values()) != {version}:
            raise Breach(f"served {served}, not {version}")

    def _recover(self):
        """After a breach: a fresh deployment, so that the next round stands on firm ground; raises when even that
        fails.
        """
        self._settled()
        self.current = self.world.build()
        self.world.must("deploy", f"app@{self.current}", "--to", "dev")

    def report(self, load):
        """The counts, for people."""
        for kind in ("kill", "cut", "stop"):
            ends = {end: count for (one, end), count in sorted(self.count.items()) if one == kind}
            if ends:
                self.say(f"{kind}s: {sum(ends.values())} ({', '.join(f'{end}: {n}' for end, n in ends.items())})")
        total, silent = sum(load.answers.values()), sum(load.silent.values())
        self.say(f"load: {total} whole answers, {silent} requests unanswered, {len(load.broken)} answers not whole")
        self.breaches += [f"{host} answered {answer!r}" for host, answer in load.broken]
        self.say(f"breaches: {len(self.breaches)}")
        for breach in self.breaches:
            self.say(f"  {breach}")


def sweep(hosts, within, kills, cuts, stops, say=print):
    """Runs a whole sweep; returns it, and the load."""
    with World(hosts, within) as world:
        one = Sweep(world, say)
        one.prepare()
        with Load(world) as load:
            for kind, rounds in (("kill", kills), ("cut", cuts), ("stop", stops)):
                one.strike(kind, rounds)
        one.report(load)
        return one, load


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("kills", 10), ("cuts", 3), ("stops", 2), ("hosts", 4), ("within", 8)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"default {default}")
    given = parser.parse_args()
    one, _ = sweep(given.hosts, given.within, given.kills, given.cuts, given.stops)
    sys.exit(1 if one.breaches else 0)


if __name__ == "__main__":
    main()
