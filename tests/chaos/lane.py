"""One lane of a sweep: rounds, one after the other, on hosts of its own, under load.

A round deploys a new version and strikes once. Then, without anybody's help, every host must serve the old version or
the new one, whole, all the same, and the lease must come free; only where a host was cut off at the very commit may
they differ, and then `status` names it and `deploy --resume` ends it. At last the next deployment must succeed.
"""

import collections
import signal
import statistics
import subprocess
import time

from tests.conftest import cdconf

LIMIT = 120.0  # seconds for a deployment that was struck to end
SETTLED = 30.0  # seconds beyond the switches' time until all is quiet
STEP = "==> "  # how a line of progress begins
TRIES = 4  # deployments that may be over before the strike


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
        self._durations = collections.deque(maxlen=5)

    def prepare(self):
        """Deploys twice: the second one's duration is the first over which strikes are spread."""
        self._deploy()
        self._durations.clear()
        self._deploy()

    def round(self, strike):
        """Makes one strike; returns its record, see `report`."""
        began, before = time.monotonic(), self.load.counted()
        host = self.world.hosts[strike.number % len(self.world.hosts)]
        record = {"kind": strike.kind, "number": strike.number, "of": strike.of, "host": host, "lane": self.number}
        record |= {"moment_s": 0.0, "duration_s": self.duration, "step": "", "ended": "", "quiet_s": None}
        record |= {"breach": None}
        try:
            self._round(strike, record)
            self._answered(strike, record, before)
        except (AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            record |= {"ended": "breach", "breach": self._evidence(error, record, before)}
        counted = self.load.counted().since(before)
        record |= {"requests": counted.requests, "lost": len(counted.lost)}
        record.pop("said", None)
        return record | {"took_s": round(time.monotonic() - began, 1)}

    @property
    def duration(self):
        """How long a deployment takes of late."""
        return round(statistics.median(self._durations), 3)

    def recover(self):
        """After a breach: a fresh deployment, so that the next round stands on firm ground.

        Raises:
            Breach: Even that fails.
        """
        self._settled()
        self._deploy()

    def _deploy(self):
        version = self.world.pack()
        began = time.monotonic()
        result = self.world.deploy(version)
        if result.returncode != 0:
            raise Breach(f"a deployment that nothing struck failed: {result.returncode}\n{result.stderr}")
        self._durations.append(time.monotonic() - began)
        self._same(version)
        self.current = version

    def _round(self, strike, record):
        for _ in range(TRIES):
            old, new = self.current, self.world.pack()
            record |= {"duration_s": self.duration, "moment_s": round(strike.fraction * self.duration, 3)}
            with (self.world.root / ".cdconf/struck.log").open("w+") as log:
                was_struck = self._strike(strike, new, record, log)
            if was_struck:
                break
            self.current = new
        else:
            record["ended"] = "over"
            return
        if "Traceback" in record["said"]:
            raise Breach("a traceback")
        stands = self._settled(record)
        served = self.world.all_served()
        if not set(served.values()) <= {old, new}:
            raise Breach(f"served {served}, not {old} or {new}")
        record["ended"] = "old" if set(served.values()) == {old} else "new"
        if len(set(served.values())) != 1:
            self._resumed(stands, new, served)
            record["ended"] = "resumed"
        self._deploy()

    def _strike(self, strike, version, record, log):
        """Deploys and strikes, and waits for the end; False when the deployment was over before."""
        process, began = self.world.deploying(version, log), time.monotonic()
        try:
            process.wait(timeout=record["moment_s"])
        except subprocess.TimeoutExpired:
            record["step"] = last_step(read(log))
            self._hit(strike.kind, process, record["host"])
            record["said"] = read(log)
            return True
        self._durations.append(time.monotonic() - began)
        record["said"] = read(log)
        if process.returncode != 0:
            raise Breach(f"a deployment that nothing had struck failed: {process.returncode}")
        return False

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

    def _settled(self, record=None):
        """Waits until no host has a lease, an armed switch or a drained host; returns what `status` says then."""
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
        self._same(new)

    def _same(self, version):
        served = self.world.all_served()
        if set(served.values()) != {version}:
            raise Breach(f"served {served}, not {version}")

    def _answered(self, strike, record, before):
        """A killed controller costs no request; a host that was struck only those that it had in hand.

        While a batch is out of use, the host that was struck may have been the last one: then nobody can answer, and
        how many requests that cost is only told.
        """
        if strike.kind != "kill" and (record.get("step") or "").startswith("batch"):
            return
        lost = self.load.counted().since(before).lost
        most = 0 if strike.kind == "kill" or record["ended"] == "over" else self.load.in_hand
        if len(lost) > most:
            raise Breach(f"{len(lost)} requests were lost, {most} may be: {', '.join(map(str, lost[:10]))}")

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
        parts.append(f"old {self.current}; the struck deployment said:\n{record.get('said', '')}")
        parts += [f"lost: {one}" for one in self.load.counted().since(before).lost[:20]]
        parts += [f"{host}:\n{self.world.evidence(host)}" for host in self.world.hosts]
        return "\n".join(parts)


def read(log):
    log.seek(0)
    return log.read()


def last_step(said):
    """What the controller had begun last, by its own words; empty when nothing."""
    steps = [line for line in said.splitlines() if line.startswith(STEP)]
    return steps[-1].removeprefix(STEP) if steps else ""


def _is_quiet(document, hosts):
    found = document.get("status") or {}
    pages = [one["apps"]["app"] for host, one in found.items() if host in hosts]
    held = [one for one in found.values() if one["lease"] is not None]
    drained = document["drained"].get("app") if found else None
    return len(pages) == len(hosts) and not held and not drained and all(one["activating"] is None for one in pages)
