"""One lane of a sweep: rounds, one after the other, on hosts of its own, under load.

A round begins a deployment of a new version, or a provision with a new revision, and strikes once. Then, without
anybody's help, every host must serve what was before or what should be, whole; leases and switches must come to rest,
and what is left out of use must be kept and named. Only where a host was cut off at the very commit may versions
differ, and then `status` names it and `deploy --resume` ends it. Whatever cdconf said must be true (`words`). At last
the next run must succeed, and leave nothing behind.
"""

import collections
import contextlib
import json
import statistics
import subprocess
import time

from tests.chaos import words
from tests.chaos.strikes import ACTIONS, CONTROLLER
from tests.conftest import cdconf

LIMIT = 120.0  # seconds for a run that was struck to end
SETTLED = 30.0  # seconds beyond the switches' time until all is quiet
STEP = "==> "  # how a line of progress begins
TRIES = 4  # runs that may be over before the strike
AFTER = 6.0  # seconds after a strike for which what a host had in hand may still be lost
BALANCER = "lb1"


class Breach(AssertionError):
    """A promise was broken."""


class Lane:
    """Rounds in one world.

    Args:
        number: For people.
        world: The hosts.
        load: What goes through their load balancer.
    """

    def __init__(self, number, world, load):
        self.number = number
        self.world = world
        self.load = load
        self.current = None
        self.revision = "0"
        self._durations = collections.defaultdict(lambda: collections.deque(maxlen=5))

    def prepare(self):
        """Deploys and provisions: how long that takes is the first duration over which strikes are spread."""
        self._deploy()
        self._provision()

    def round(self, strike):
        """Makes one strike; returns its record, see `report`."""
        began, before = time.monotonic(), self.load.counted()
        kind = strike.about
        hosts = {"web": self.world.hosts, "lb": [BALANCER], CONTROLLER: [CONTROLLER]}[kind.victim]
        record = {"kind": strike.kind, "number": strike.number, "of": strike.of, "lane": self.number}
        record |= {"host": hosts[strike.number % len(hosts)], "breach": None}
        record |= {"moment_s": 0.0, "duration_s": self.duration(kind.run), "step": "", "ended": "", "quiet_s": None}
        record |= {"code": None, "kept": 0}
        try:
            self._round(strike, record)
            self._answered(strike, record, before)
        except (AssertionError, OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            record |= {"ended": "breach", "breach": self._evidence(error, record, before)}
        counted = self.load.counted().since(before)
        record |= {"requests": counted.requests, "lost": len(counted.lost)}
        for name in ("said", "document", "began", "struck", "shape"):
            record.pop(name, None)
        return record | {"took_s": round(time.monotonic() - began, 1)}

    def duration(self, run):
        """How long a run takes of late."""
        return round(statistics.median(self._durations[run]), 3)

    def recover(self):
        """After a breach: fresh runs, so that the next round stands on firm ground.

        Raises:
            AssertionError: Even that fails.
        """
        self._settled()
        self.current, self.revision = self.world.pack(), self.world.revise()
        for line in (self.world.words("deploy", self.current), ["provision", "dev"]):
            self.world.must(*line)
        self._same({"version": self.current, "revision": self.revision})

    def _deploy(self):
        version = self.world.pack()
        began = time.monotonic()
        result = self.world.deploy(version)
        if result.returncode != 0:
            raise Breach(f"a deployment that nothing struck failed: {result.returncode}\n{result.stderr}")
        self._durations["deploy"].append(time.monotonic() - began)
        self._same({"version": version, "revision": self.revision})
        self.current = version

    def _provision(self):
        revision = self.world.revise()
        began = time.monotonic()
        result = cdconf(self.world.root, "provision", "dev")
        if result.returncode != 0:
            raise Breach(
                f"a provision that nothing struck failed: {result.returncode}\n{result.stdout}\n{result.stderr}"
            )
        self._durations["provision"].append(time.monotonic() - began)
        self._same({"version": self.current, "revision": revision})
        self.revision = revision

    def _round(self, strike, record):
        kind = strike.about
        for _ in range(TRIES):
            old = {"version": self.current, "revision": self.revision}
            is_deploy = kind.run == "deploy"
            new = old | ({"version": self.world.pack()} if is_deploy else {"revision": self.world.revise()})
            took = self.duration(kind.run)
            record |= {"duration_s": took, "moment_s": round(strike.fraction * took, 3), "began": time.time()}
            if self._strike(strike, new, record):
                break
            self.current, self.revision = new["version"], new["revision"]
        else:
            record["ended"] = "over"
            return
        self._judge(strike, record, old, new)
        self._ended(kind, new)

    def _judge(self, strike, record, old, new):
        """Everything that must be so once a struck run has ended and all has come to rest."""
        kind = strike.about
        if "Traceback" in record["said"]:
            raise Breach("a traceback")
        killed = record["code"] is None
        said = record["said"] + record["document"]
        false = [] if killed else words.of_end(said, self.world.truth(), record["began"], time.time())
        stands = self._settled(record)
        truth = self.world.truth()
        self._whole(kind, truth, old, new)
        record["kept"] = len(truth["lb"]["drained"])
        in_order = not killed and kind.strike in ("pipe", "hangup")
        false += words.of_status(stands, truth, kind.run, in_order)
        document = None
        if not killed:
            document = json.loads(record["document"]) if record["shape"] == "json" else None
            false += words.of_exit(kind, record["code"], document, truth, new)
            if document is not None:
                false += words.of_hosts(document, truth, kind.run, old, new)
        ended_early = killed or kind.strike == "hangup"  # and may have read nothing of the project yet
        if not ended_early or record["step"] or (document is not None and document["environment"]):
            false += words.of_history(self.world.history(), kind.run, record["code"], record["began"])
        if false:
            raise Breach("false words: " + "\n".join(false))
        served = {name: real["served"] for name, real in truth["web"].items()}
        is_new = all(_is(real, new) for real in truth["web"].values())
        is_old = all(_is(real, old) for real in truth["web"].values())
        record["ended"] = "new" if is_new else "old" if is_old else "between"
        if kind.run == "deploy" and len(set(served.values())) != 1:
            self._resumed(stands, new["version"], served)
            record["ended"] = "resumed"

    def _whole(self, kind, truth, old, new):
        """No host is half of anything; only a provision's revisions may differ from host to host."""
        for name, real in truth["web"].items():
            if real["served"] not in {old["version"], new["version"]}:
                raise Breach(f"{name} serves {real['served']}, not {old['version']} or {new['version']}")
            if not {real["revision"], real["written"]} <= {old["revision"], new["revision"]}:
                raise Breach(f"{name} has revision {real['written']}, runs {real['revision']}: {old} -> {new}")
            if not real["linked"].startswith(f"{real['served']}-"):
                raise Breach(f"{name} serves {real['served']}, and current is {real['linked']}")
        kept = {name for name, one in truth["lb"]["drained"].items() if one.get("kept")}
        if truth["lb"]["down"] != kept:
            raise Breach(f"{sorted(truth['lb']['down'])} are out of use, of which {sorted(kept)} are kept")
        if kept and kind.run == "deploy":
            raise Breach(f"a deployment has left {sorted(kept)} out of use for good")

    def _ended(self, kind, new):
        """The next run of the same kind ends what is left."""
        if kind.run == "deploy":
            self._deploy()
        else:
            result = cdconf(self.world.root, "provision", "dev")
            if result.returncode != 0:
                raise Breach(f"the next provision failed: {result.returncode}\n{result.stdout}\n{result.stderr}")
            self._same(new)
            self.revision = new["revision"]
        down = self.world.truth()["lb"]["down"]
        if down:
            raise Breach(f"the next {kind.run} left {sorted(down)} out of use")

    def _strike(self, strike, new, record):
        """Runs and strikes, and waits for the end; False when the run was over before."""
        kind = strike.about
        record["shape"] = shape = _shape(strike)
        running = self.world.running(kind.run, new["version"], shape)
        process, began = running.process, time.monotonic()
        try:
            try:
                process.wait(timeout=record["moment_s"])
            except subprocess.TimeoutExpired:
                record["step"] = last_step(running.said())
                self._hit(strike, running, record)
                return True
            self._durations[kind.run].append(time.monotonic() - began)
            if process.returncode != 0:
                record["said"] = running.said()
                raise Breach(f"a {kind.run} that nothing had struck failed: {process.returncode}")
            return False
        finally:
            running.close()

    def _hit(self, strike, running, record):
        """Strikes, and waits for the controller's end; then what was struck is itself again."""
        action, host, process = ACTIONS[strike.about.strike], record["host"], running.process
        lasts = strike.lasts(self.world.within)
        began = time.time()
        with contextlib.ExitStack() as struck:
            struck.callback(action.end, running, self.world, host)
            action.begin(running, self.world, host)
            if lasts is not None:
                time.sleep(lasts)
                struck.close()
            try:
                process.wait(timeout=LIMIT)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                struck.close()
                record["struck"] = (began, time.time())
                record["said"], record["document"] = running.said(), running.document()
        is_killed = strike.about.strike == "kill" and host == CONTROLLER
        record["code"] = None if is_killed else process.returncode

    def _settled(self, record=None):
        """Waits until no host has a lease, an armed switch or a drain that isn't kept; returns what `status` says."""
        began = time.monotonic()
        deadline = began + 2 * self.world.within + SETTLED
        document = None
        while time.monotonic() < deadline:
            if self.world.looks_quiet():
                document = self.world.status()
                if _is_quiet(document, self.world.hosts) and None not in self.world.all_served().values():
                    if record is not None:
                        record["quiet_s"] = round(time.monotonic() - began, 1)
                    return document
            time.sleep(0.7)
        document = document or self.world.status()
        raise Breach(f"it never came to rest: {document.get('drained')}, {document.get('status') or document}")

    def _resumed(self, stands, new, served):
        found = stands["interrupted"].get("app")
        if found is None or found["ending"] != "finish":
            raise Breach(f"hosts differ and status doesn't say why: {served}, {stands['interrupted']}")
        behind = {name for name, version in served.items() if version != new}
        if behind != set(found["reverted"]):
            raise Breach(f"status names {found['reverted']}, but {sorted(behind)} are behind")
        result = cdconf(self.world.root, "deploy", "app", "--to", "dev", "--resume")
        if result.returncode != 0:
            raise Breach(f"--resume failed: {result.returncode}\n{result.stderr}")
        self._same({"version": new, "revision": self.revision})

    def _same(self, wanted):
        found = {name: real for name, real in self.world.truth()["web"].items() if not _is(real, wanted)}
        if found:
            shown = {name: (one["served"], one["revision"], one["written"]) for name, one in found.items()}
            raise Breach(f"{shown} isn't {wanted}")

    def _answered(self, strike, record, before):
        """What a strike may cost: nothing, unless a host was struck, and then only what came while it lasted."""
        lost = self.load.counted().since(before).lost
        if strike.about.victim == CONTROLLER or strike.about.strike == "kill" or "struck" not in record:
            found = lost
        else:
            began, ended = record["struck"]
            found = [one for one in lost if not began <= one.at <= ended + AFTER]
        if found:
            raise Breach(f"{len(found)} requests were lost, none may be: {', '.join(map(str, found[:10]))}")

    def exactly_once(self):
        """What's wrong with the POSTs: each that was answered must have been served once, any other once at most."""
        counted = self.load.counted()
        served = collections.Counter(self.world.posts())
        never = [number for number in counted.posted if not served[number]]
        twice = [number for number, times in served.items() if times > 1]
        found = (
            [f"lane {self.number}: {len(never)} POSTs were answered and never served: {never[:10]}"] if never else []
        )
        return [*found, *([f"lane {self.number}: POSTs were served twice: {twice[:10]}"] if twice else [])]

    def _evidence(self, error, record, before):
        """All that's needed to look into a breach."""
        parts = [f"{type(error).__name__}: {error}" if not isinstance(error, Breach) else str(error)]
        parts.append(f"old {self.current}; exit code {record['code']}; the struck run said:")
        parts.append(record.get("said", "") + record.get("document", ""))
        parts += [f"lost: {one}" for one in self.load.counted().since(before).lost[:20]]
        parts += [f"{host}:\n{self.world.evidence(host)}" for host in (*self.world.hosts, BALANCER)]
        return "\n".join(parts)


def last_step(said):
    """What the controller had begun last, by its own words; empty when nothing."""
    steps = [line for line in said.splitlines() if line.startswith(STEP)]
    return steps[-1].removeprefix(STEP) if steps else ""


def _shape(strike):
    """What becomes of a run's output: a pipe that breaks; else lines, or JSON of every second run that can end."""
    if strike.about.strike == "pipe":
        return "pipe"
    is_killed = strike.about.strike == "kill" and strike.about.victim == CONTROLLER
    return "lines" if is_killed or strike.number % 2 else "json"


def _is(real, wanted):
    """Whether a host serves a version and a revision, and has the latter on its disk."""
    return real["served"] == wanted["version"] and real["revision"] == real["written"] == wanted["revision"]


def _is_quiet(document, hosts):
    found = document.get("status") or {}
    pages = [one["apps"]["app"] for host, one in found.items() if host in hosts]
    held = [one for one in found.values() if one["lease"] is not None]
    drained = (document["drained"].get("app") or {}) if found else {}
    waiting = [one for places in drained.values() for one in places.values() if not one["kept"]]
    return len(pages) == len(hosts) and not held and not waiting and all(one["activating"] is None for one in pages)
