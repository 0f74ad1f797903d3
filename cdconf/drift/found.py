"""Makes findings of what a look at hosts has told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cdconf.agent.handlers import NOTIFIED
from cdconf.drift.findings import Cause, Finding

if TYPE_CHECKING:
    from cdconf.events import HostResult, ResourceDone

ORPHAN = "orphan"
_FOUND = ("would_change", "orphaned", "unknown", "failed")


def cause_of(event: ResourceDone) -> Cause:
    """Why a resource isn't as it should be, by what the host's agent has said."""
    if event.status in ("unknown", "failed"):
        return "unknown"
    return "by_hand" if event.by_hand else "not_applied"


def identity_of(event: ResourceDone) -> tuple[str, str]:
    """(type, title) by which waivers name a finding: an orphan's is `orphan`, with what it was as the title."""
    if event.status == "orphaned":
        return ORPHAN, f"{event.type} {event.title}"
    return event.type, event.title


def findings_of(hosts: Mapping[str, HostResult]) -> list[Finding]:
    """The findings of a look, host by host; handlers that only follow from other findings aren't among them.

    Args:
        hosts: Name -> what a look has told of it.
    """
    return [_finding(one) for result in hosts.values() for one in _found(result.resources)]


def _found(resources: Iterable[ResourceDone]) -> Iterable[ResourceDone]:
    for one in resources:
        follows = one.type == "handler" and (one.message or "").startswith(NOTIFIED)
        if one.status in _FOUND and not follows:
            yield one


def _finding(event: ResourceDone) -> Finding:
    return Finding(
        *(event.host, *identity_of(event), cause_of(event)),
        source=event.source,
        diff=event.diff,
        message=event.message,
        repair=event.repair,
        waived=event.waived,
    )
