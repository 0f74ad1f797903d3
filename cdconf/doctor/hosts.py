"""Hosts that answer: what their Python is, how their clocks go, and what earlier runs have left there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdconf.doctor.check import Check

if TYPE_CHECKING:
    from cdconf.session import Session

_CLOCK = 30.0  # seconds that a clock may be off


def host_checks(session: Session, environment: str) -> Iterator[Check]:
    """What's found on one host; it's only looked at.

    Args:
        session: The connection.
        environment: The environment's name, for hints.
    """
    name = session.host.name
    facts = session.facts.get(["system", "os", "mounts"])
    yield Check(f"{name}: agent", "ok", f"runs with Python {facts['python_version']} on {facts['os']['name']}")
    ahead = session.clock_ahead
    if ahead is not None and abs(ahead) > _CLOCK:
        said = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
        yield Check(f"{name}: clock", "problem", said, "let both be set by NTP: leases and approvals count on clocks")
    else:
        yield Check(f"{name}: clock", "ok", "agrees with this machine's")
    yield _lease(session, environment)


def _lease(session: Session, environment: str) -> Check:
    what = f"{session.host.name}: lease"
    lease = session.lease
    if lease is not None:
        hint = f"cdconf lock status {environment}"
        return Check(what, "warning", f"held by {lease['owner']} for {lease['reason']}", hint)
    if session.left is not None:
        return Check(what, "warning", "a run was killed here, and never gave it back", f"cdconf status {environment}")
    return Check(what, "ok", "free")
