"""Makes findings of what a look told of each resource."""

from __future__ import annotations

from collections.abc import Iterable

from cdconf.drift.findings import Cause, Finding
from cdconf.events import ResourceDone


def findings_of(events: Iterable[ResourceDone]) -> list[Finding]:
    """What a look found, in the order of its events; an orphan's title is `TYPE TITLE` of what it was."""
    found = []
    for one in events:
        if one.status in ("would_change", "orphaned", "failed", "unknown"):
            cause: Cause = "by_hand" if one.by_hand else "not_applied"
            cause = "unknown" if one.status in ("failed", "unknown") else cause
            is_orphan = one.status == "orphaned"
            name = ("orphan", f"{one.type} {one.title}") if is_orphan else (one.type, one.title)
            found.append(Finding(one.host, *name, cause, one.source, one.diff, one.message, repair=one.repair))
    return found
