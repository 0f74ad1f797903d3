"""The lease: one run at a time works on a host, and a dead run's lease expires.

`lease.json` holds the fencing number, which only rises. Time is the kernel's monotonic clock together with the
boot id, so that setting the host's clock can't end a lease or make it eternal; a reboot ends it.
"""

import time

from cdconf.agent.base import Failed

FILE = "lease.json"
IDENTITY = "identity.json"


def boot_id():
    """The kernel's id of this boot, with the start of process 1, since a container's boots share the kernel's."""
    with open("/proc/sys/kernel/random/boot_id") as stream:
        kernel = stream.read().strip()
    try:
        with open("/proc/1/stat", "rb") as stream:
            return "{}/{}".format(kernel, stream.read().rpartition(b")")[2].split()[19].decode())
    except OSError:
        return kernel


class Lease(object):
    """This session's hold on the host, if it has one."""

    def __init__(self, store, clock=time.monotonic, boot=boot_id):
        self.store = store
        self.clock = clock
        self.boot = boot
        self.run = None
        self.fence = None
        self.ttl = 0.0
        self._work = None

    def status(self):
        """Who holds the host: `{"run", "owner", "reason", "age_s", "expires_in_s", "fence"}`, or None."""
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
        }

    def acquire(self, run, owner, reason, ttl, environment, host):
        """Takes the lease for `ttl` seconds.

        Returns:
            The fencing number, higher than any before on this host.

        Raises:
            Failed: `lease_held` with the holder's `status`; `wrong_environment` for a host that belongs to
                another environment.
        """
        guard = self.store.lock("lease.lock")
        try:
            self._claim(environment, host)
            held = self.status()
            if held is not None and held["run"] != run:
                raise _held(held)
            if self._work is None:
                self._work = self.store.lock("run.lock", wait=False)
            if self._work is None:
                raise _held({"owner": "an earlier run", "reason": "its agent is still at work", "age_s": None})
            now = self.clock()
            self.run, self.ttl = run, ttl
            self.fence = (self.store.read(FILE) or {"fence": 0})["fence"] + 1
            self._write(owner, reason, now)
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
            self.fence = (entry or {"fence": 0})["fence"] + 1
            self._write(owner, reason, self.clock())
            return True
        finally:
            guard.close()

    def enter(self):
        """Tries to be the only one at work on the host; False while another agent still is."""
        if self._work is None:
            self._work = self.store.lock("run.lock", wait=False)
        return self._work is not None

    def owner(self):
        """Who holds it, for people; None for a session without a lease."""
        return self._owner if self.run is not None else None

    def is_lost(self):
        """Whether another run has taken the host, or this one's time is over; False for a session without a lease."""
        if self.run is None:
            return False
        try:
            self.check()
        except Failed:
            return self.run is not None  # it may have been given back just now
        return False

    def _claim(self, environment, host):
        known = self.store.read(IDENTITY)
        if known is None:
            self.store.write(IDENTITY, {"environment": environment, "host": host})
        elif known["environment"] != environment:
            raise Failed(
                "this host is {}'s '{}', not {}'s".format(known["environment"], known["host"], environment),
                kind="wrong_environment",
                details=known,
            )

    def _write(self, owner, reason, acquired):
        self._owner, self._reason, self._acquired = owner, reason, acquired
        now = self.clock()
        self.store.write(
            FILE,
            {
                "run": self.run,
                "owner": owner,
                "reason": reason,
                "fence": self.fence,
                "boot": self.boot(),
                "acquired": acquired,
                "renewed": now,
                "expires": now + self.ttl,
            },
        )

    def _is_ours(self):
        lease = self.store.read(FILE)
        return lease is not None and lease["run"] == self.run and lease["fence"] == self.fence

    def renew(self):
        """Another `ttl` seconds from now; False when the lease is no longer this session's."""
        if self.run is None:
            return False
        guard = self.store.lock("lease.lock")
        try:
            if not self._is_ours():
                return False
            self._write(self._owner, self._reason, self._acquired)
            return True
        finally:
            guard.close()

    def check(self):
        """Raises `Failed` (`lease_lost`) unless this session still holds the host."""
        lease = self.store.read(FILE) if self.run is not None else None
        if lease is None or lease["run"] != self.run or lease["fence"] != self.fence:
            raise Failed("this run no longer holds the host's lease", kind="lease_lost")
        if lease["expires"] <= self.clock():
            raise Failed("this run's lease on the host has run out", kind="lease_lost")

    def release(self):
        """Gives the host back; the fencing number stays."""
        if self.run is None:
            return
        guard = self.store.lock("lease.lock")
        try:
            if self._is_ours():
                lease = self.store.read(FILE)
                lease["run"] = None
                self.store.write(FILE, lease)
        finally:
            guard.close()
            self.run = None
            if self._work is not None:
                self._work.close()
                self._work = None


def _held(holder):
    age = "" if holder.get("age_s") is None else ", {:.0f} s ago".format(holder["age_s"])
    return Failed("held by {} ({}{})".format(holder["owner"], holder["reason"], age), kind="lease_held", details=holder)


def force_release(store):
    """Ends whatever lease there is, for a person who knows better; returns the holder's status or None."""
    lease = Lease(store)
    guard = store.lock("lease.lock")
    try:
        held = lease.status()
        if held is not None:
            entry = store.read(FILE)
            entry["run"] = None
            store.write(FILE, entry)
        return held
    finally:
        guard.close()
