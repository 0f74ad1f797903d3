"""The lease: one run at a time works on a host, and a dead run's lease expires.

`lease.json` holds the fencing number, which only rises. Time is the kernel's monotonic clock together with the
boot id, so that setting the host's clock can't end a lease or make it eternal; a reboot ends it. Runs that the holder
has started itself may work within its lease; they're the entry's `inner` ones, see `cdconf.agent.lease.nested`.
"""

import os
import time

from cdconf.agent import texts
from cdconf.agent.errors import Failed
from cdconf.agent.lease.identity import IDENTITY
from cdconf.agent.records.formats import Damaged

FILE = "lease.json"
LINGER = 30.0  # seconds that the holder waits for a run within its lease to end the change that it's at


def boot_id():
    """The kernel's id of this boot, with the start of process 1, since a container's boots share the kernel's."""
    with open("/proc/sys/kernel/random/boot_id", newline="\n") as stream:
        kernel = texts.strip(stream.read())
    try:
        with open("/proc/1/stat", "rb") as stream:
            return "{}/{}".format(kernel, stream.read().rpartition(b")")[2].split()[19].decode())  # texts: bytes
    except OSError:
        return kernel


class Lease(object):
    """This session's hold on the host, if it has one.

    Attributes:
        depth: How many runs hold the host around this one: 0 for whoever has taken the lease itself.
    """

    depth = 0

    def __init__(self, store, clock=time.monotonic, boot=boot_id):
        self.store = store
        self.clock = clock
        self.boot = boot
        self.run = None
        self.fence = self.before = None  # the numbers of this lease, and of the host's last one
        self.ttl = 0.0
        self._owner = None
        self._reason = None
        self._work = None

    def status(self):
        """Who holds the host: `{"run", "owner", "reason", "age_s", "expires_in_s", "fence", "inner"}`, or None.

        `inner` are the runs that work within the lease, the outermost first: `[{"run", "owner", "reason"}]`.
        """
        lease = self.store.read(FILE)
        if not lease or lease["run"] is None or lease["boot"] != self.boot():
            return None
        left = lease["expires"] - self.clock()
        if left <= 0:
            return None
        return {
            "run": lease["run"],
            "owner": lease["owner"],
            "reason": lease["reason"],
            "age_s": round(self.clock() - lease["acquired"], 1),
            "expires_in_s": round(left, 1),
            "fence": lease["fence"],
            "inner": [
                {"run": one["run"], "owner": one["owner"], "reason": one["reason"]}
                for one in lease.get("inner", ())
                if one["expires"] > self.clock()
            ],
        }

    def left(self):
        """The run that had the host last and never gave it back, so that it was killed or cut off; None otherwise.

        Returns:
            `{"run", "owner", "reason", "age_s"}` of the innermost one; `age_s` counts from its last sign of life, None
            when the host has been rebooted since.
        """
        lease = self.store.read(FILE)
        if not lease or lease["run"] is None or self.status() is not None:
            return None
        last = (lease.get("inner") or [lease])[-1]
        age = round(self.clock() - last["renewed"], 1) if lease["boot"] == self.boot() and "renewed" in last else None
        return {"run": last["run"], "owner": last["owner"], "reason": last["reason"], "age_s": age}

    def by(self):
        """Whose work this session does, for what the host remembers: `{"run", "owner", "reason", "fence"}`."""
        return {"run": self.run, "owner": self._owner, "reason": self._reason, "fence": self.fence}

    def acquire(self, run, owner, reason, ttl, environment, host, seal=None, moved_from=None):
        """Takes the lease for `ttl` seconds.

        Args:
            run: Who takes it.
            owner: Shown to people.
            reason: Shown to people.
            ttl: Seconds.
            environment: Whose host this should be.
            host: Its name there.
            seal: The SHA-256 of the secret by which a run joins this one; None: none may.
            moved_from: The environment from which the host may be taken over; None: from none.

        Returns:
            The fencing number, higher than any before on this host.

        Raises:
            Failed: `lease_held` with the holder's `status`; `wrong_environment` for a host that belongs to
                another environment.
        """
        guard = self.store.lock("lease.lock")
        try:
            moves = self._claim(environment, host, moved_from)
            held = self.status()
            if held is not None and held["run"] != run:
                raise held_by(held)
            if not self.enter():
                if held is not None:
                    raise Failed("this is the same machine as another host of this run", kind="same_machine")
                raise held_by({"owner": "an earlier run", "reason": "its agent is still at work", "age_s": None})
            if moves:
                self._move(environment, host)
            self.run, self.ttl = run, ttl
            self.fence = self._next_fence()
            self._write(owner, reason, seal)
        finally:
            guard.close()
        return self.fence

    def seize(self, run, owner, reason, ttl, is_due):
        """Takes the lease from a run that is held to be dead; see `enter` for an agent of it that still lives.

        Args:
            run: Who takes it.
            owner: Shown to people.
            reason: Shown to people.
            ttl: Seconds.
            is_due: Says of the lease as it's on disk whether it may be taken; asked while nobody can renew it.

        Returns:
            Whether it was taken.
        """
        guard = self.store.lock("lease.lock")
        try:
            entry = self.store.read(FILE)
            if not is_due(entry):
                return False
            self.run, self.ttl = run, ttl
            self.fence = self._next_fence()
            self._write(owner, reason, None)
            return True
        finally:
            guard.close()

    def _next_fence(self):
        """A number above all before, also those of a host that has been made anew, or restored from a backup, since.

        So it's no lower than the host's time in milliseconds; a clock that's set back doesn't let it fall.
        """
        self.before = (self.store.read(FILE) or {"fence": 0})["fence"]
        return max(self.before + 1, int(time.time() * 1000))

    def enter(self):
        """Tries to be the only one at work on the host; False while another agent still is."""
        if self._work is None:
            self._work = self._take_work(0)
        return self._work is not None

    def owner(self):
        """Who holds it, for people; None for a session without a lease."""
        return self._owner if self.run is not None else None

    def _take_work(self, depth):
        """The lock of a place, once no agent works there or deeper, where none may be left; None while one does."""
        work = self.store.lock(work_file(depth), wait=False)
        while work is not None and os.path.exists(self.store.path(work_file(depth + 1))):
            depth += 1
            deeper = self.store.lock(work_file(depth), wait=False)
            if deeper is None:
                work.close()
                return None
            deeper.close()
        return work

    def loss(self):
        """The `Failed` that tells why this session no longer holds the host; None while it does, or never did."""
        if self.run is None:
            return None
        try:
            self._check()
        except Failed as error:
            return error if self.run is not None else None  # it may have been given back just now
        return None

    def _claim(self, environment, host, moved_from=None):
        """Whether the host is to be moved here from another environment; one that is new is this one's from now on."""
        known = self.store.read(IDENTITY)
        if known is None:
            self.store.write(IDENTITY, {"environment": environment, "host": host})
            return False
        if known["environment"] not in (environment, moved_from):
            raise Failed(
                "this host is {}'s '{}', not {}'s".format(known["environment"], known["host"], environment),
                kind="wrong_environment",
                details=known,
            )
        return known["environment"] != environment

    def _move(self, environment, host):
        from cdconf.agent.lease import change_environment  # few hosts ever are

        change_environment.check(self.store)
        change_environment.move(self.store, environment, host)

    def _write(self, owner, reason, seal):
        self._owner, self._reason = owner, reason
        now = self.clock()
        entry = {"run": self.run, "owner": owner, "reason": reason, "fence": self.fence, "boot": self.boot()}
        times = {"acquired": now, "renewed": now, "expires": now + self.ttl}
        self.store.write(FILE, dict(entry, seal=seal, inner=[], **times))

    def _is_ours(self):
        lease = self.store.read(FILE)
        return lease is not None and lease["run"] == self.run and lease["fence"] == self.fence

    def _own(self, lease):
        """Where `lease.json` keeps this session's own times."""
        return lease

    def renew(self):
        """Another `ttl` seconds from now; False when the lease is no longer this session's, or has run out.

        What has run out stays so, whoever asks: a host that was stopped for a while finds old beats in its buffers,
        and nobody knows whether who sent them is still there.
        """
        if self.run is None:
            return False
        guard = self.store.lock("lease.lock")
        try:
            if self.loss() is not None:
                return False
            lease, now = self.store.read(FILE), self.clock()
            self._own(lease).update(renewed=now, expires=now + self.ttl)
            self.store.write(FILE, lease)
            return True
        finally:
            guard.close()

    def check(self):
        """Raises `Failed` (`lease_lost`) unless this session still holds the host; ends the runs within its lease.

        They were started by this run, and this run goes on: what they were at is ended whole, and waited for.
        """
        if self._check().get("inner", ())[self.depth :]:
            self._end_inner()

    def _check(self):
        lease = self.store.read(FILE) if self.run is not None else None
        is_ours = lease is not None and lease["run"] == self.run and lease["fence"] == self.fence
        if not is_ours or lease["boot"] != self.boot():
            raise Failed("this run no longer holds the host's lease", kind="lease_lost")
        if lease["expires"] <= self.clock():
            raise Failed("this run's lease on the host has run out", kind="lease_lost")
        return lease

    def _end_inner(self):
        guard = self.store.lock("lease.lock")
        try:
            lease = self._check()
            inner = lease["inner"]
            lease["inner"] = inner[: self.depth]
            self.store.write(FILE, lease)
        finally:
            guard.close()
        deadline = time.monotonic() + LINGER
        work = self._take_work(self.depth + 1)
        while work is None:
            if time.monotonic() > deadline:
                reason = "within this run; its agent is still at work"
                raise held_by({"owner": inner[self.depth]["owner"], "reason": reason, "age_s": None})
            time.sleep(0.1)
            work = self._take_work(self.depth + 1)
        work.close()

    def release(self):
        """Gives the host back; the fencing number stays."""
        if self.run is None:
            return
        guard = self.store.lock("lease.lock")
        try:
            if self._is_ours():
                lease = self.store.read(FILE)
                self._leave(lease)
                self.store.write(FILE, lease)
        finally:
            guard.close()
            self.run = None
            if self._work is not None:
                self._work.close()
                self._work = None

    def _leave(self, lease):
        """Takes this run out of what's written down."""
        lease["run"] = None


def work_file(depth):
    """The file whose lock an agent holds while it's at work, within how many other runs."""
    return "run-{}.lock".format(depth) if depth else "run.lock"


def last_beat(lease, run, fence):
    """When a run last gave a sign of life on this host, by what's on disk; 0.0 when it isn't there any more."""
    if not lease:
        return 0.0
    for one in lease.get("inner", ()):
        if one["run"] == run:
            return one["renewed"]
    ours = lease["run"] == run or (lease["run"] is None and lease["fence"] == fence)
    return lease.get("renewed", 0.0) if ours else 0.0


def held_by(holder):
    """The error of a host that's held; `holder` is a lease's `status`, `age_s` None when that isn't known."""
    age = "" if holder.get("age_s") is None else ", {:.0f} s ago".format(holder["age_s"])
    return Failed("held by {} ({}{})".format(holder["owner"], holder["reason"], age), kind="lease_held", details=holder)


def force_release(store):
    """Ends whatever lease there is, for a person who knows better.

    Returns:
        The holder's status, None for nobody; `{"damaged": WHY}` of a file that was damaged, and is removed.
    """
    lease = Lease(store)
    guard = store.lock("lease.lock")
    try:
        held = lease.status()
        if held is not None:
            entry = store.read(FILE)
            entry["run"] = None
            store.write(FILE, entry)
        return held
    except Damaged as error:
        store.remove(FILE)
        return {"damaged": error.message}
    finally:
        guard.close()
