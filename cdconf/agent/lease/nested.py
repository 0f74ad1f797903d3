"""Runs within a lease: what the holder of a host has started itself works there under the same fencing number.

The holder gives what it starts a secret (`cdconf.engine.inherited_leases`), of which `lease.json` knows the SHA-256
(`seal`). Whoever brings it is written down among the lease's `inner` runs: a chain, in which each was started by the
one before. Only one run works at each depth, and none outlives a run that is around it: then it has lost the host as
well.
"""

import time

from cdconf.agent.errors import Failed
from cdconf.agent.lease.lease import FILE, Lease, boot_id, held_by


class Joined(Lease):
    """This session's place within the lease of the run that has started it."""

    outer = None

    def join(self, outer, secret, run, owner, reason, ttl, environment, host, seal):
        """Takes the place within the run `outer`.

        Args:
            outer: The run that has started this one.
            secret: What it was given by it.
            run: See `Lease.acquire`, as the others are.
            owner: See there.
            reason: See there.
            ttl: Seconds that the place holds without a beat.
            environment: See there.
            host: See there.
            seal: See there.

        Raises:
            Failed: `lease_held`: `outer` no longer holds the host, or something else that it started works here;
                `wrong_environment`.
        """
        guard = self.store.lock("lease.lock")
        try:
            self._claim(environment, host)
            lease = self.store.read(FILE)
            around = self._place(lease, outer, secret)
            inner = lease.get("inner", [])
            work = self._enter(around, inner)
            self.depth, self.outer, self.run, self.ttl = around + 1, outer, run, ttl
            self._owner, self._reason, self.fence, self._work = owner, reason, lease["fence"], work
            now = self.clock()
            own = {"run": run, "owner": owner, "reason": reason, "seal": seal}
            lease["inner"] = inner[:around] + [dict(own, acquired=now, renewed=now, expires=now + ttl)]
            self.store.write(FILE, lease)
        finally:
            guard.close()

    def _place(self, lease, outer, secret):
        """How deep in the chain `outer` is; `Failed` unless it's alive and the secret is its own."""
        if lease is not None and lease["boot"] == self.boot() and lease["run"] is not None:
            now = self.clock()
            for number, one in enumerate([lease] + lease.get("inner", [])):
                if one["expires"] <= now:
                    break
                if one["run"] == outer and _opens(secret, one.get("seal")):
                    return number
        held = self.status()
        holder = "held by {} ({})".format(held["owner"], held["reason"]) if held else "free"
        text = "the run that has started this one no longer holds the host, which is {} now".format(holder)
        raise Failed(text, kind="lease_held", details=held or {})

    def _enter(self, around, inner):
        """The lock of the place within `around` runs; `Failed` while an agent works there."""
        work = self._take_work(around + 1)
        if work is None:
            if around >= len(inner):
                raise held_by({"owner": "an earlier run", "reason": "its agent is still at work", "age_s": None})
            one = inner[around]
            age = round(self.clock() - one["acquired"], 1)
            raise held_by({"run": one["run"], "owner": one["owner"], "reason": one["reason"], "age_s": age})
        return work

    def _own(self, lease):
        return lease["inner"][self.depth - 1]

    def _is_ours(self):
        try:
            self._check()
        except Failed:
            return False
        return True

    def _check(self):
        lease = self.store.read(FILE) if self.run is not None else None
        chain = [lease] + lease.get("inner", [])[: self.depth] if lease else []
        whole = len(chain) == self.depth + 1 and chain[-1]["run"] == self.run and chain[-2]["run"] == self.outer
        if not whole or lease["fence"] != self.fence or lease["boot"] != self.boot():
            raise Failed("the run that has started this one no longer holds the host", kind="lease_lost")
        now = self.clock()
        if any(one["expires"] <= now for one in chain):
            raise Failed("the lease within which this run works has run out", kind="lease_lost")
        return lease

    def _leave(self, lease):
        """Gives the place back; the lease stays with the run around this one."""
        lease["inner"] = lease["inner"][: self.depth - 1]


def join(store, outer, secret, clock=time.monotonic, boot=boot_id, **about):
    """A session's hold on the host within the lease of `outer`; see `Joined.join`.

    A reboot ends every lease; a run that was within the last one, and so has asked for the reboot, takes the host for
    itself then.
    """
    lease = store.read(FILE)
    inner = lease.get("inner", []) if lease and lease["run"] is not None else []
    known = any(one["run"] == outer and _opens(secret, one.get("seal")) for one in [lease] + inner if one)
    if known and lease["boot"] != boot() and any(one["run"] == about["run"] for one in inner):
        own = Lease(store, clock, boot)
        own.acquire(**about)
        return own
    within = Joined(store, clock, boot)
    within.join(outer, secret, **about)
    return within


def _opens(secret, seal):
    """Whether this is the secret whose SHA-256 was written down."""
    import hashlib
    import hmac

    return seal is not None and hmac.compare_digest(hashlib.sha256(secret.encode("utf-8")).hexdigest(), seal)
