"""What a look for drift finds: one value for renderers, waivers, `--fix` and notifications."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cdconf.events import Cause, Event, ResourceDone

ORPHAN = "orphan"
CAUSES: tuple[Cause, ...] = ("by_hand", "not_applied", "both", "unknown")


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One thing on one host that isn't as it was applied, or as the files want it, or that can't be told.

    Attributes:
        host: The host's name.
        type: The resource's type; `release`, `toggles` and `orphan` are findings of their own kind.
        title: The resource's title, as the role names it.
        cause: `by_hand`: the host differs from what was applied; `not_applied`: the files differ from what was
            applied; `both`; `unknown`: it can't be told, so it is never "no drift".
        source: `FILE:LINE` of the role, relative to the project; None where no file declares it.
        diff: Text for people, sensitive values replaced; None where there is none.
        message: Why it can't be told, or what else is to be said.
        first_seen: Seconds since the epoch at which the host first saw it so; None where nobody remembers.
        evidence: What the host's own logs and files say about who and when, a sentence each: never a verdict.
        repair: The command that mends it, where `drift --fix` or `provision` doesn't by itself.
        waived: The reason of the waiver that covers it; None where none does.
    """

    host: str
    type: str
    title: str
    cause: Cause
    source: str | None = None
    diff: str | None = None
    message: str | None = None
    first_seen: float | None = None
    evidence: tuple[str, ...] = ()
    repair: str | None = None
    waived: str | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """(host, type, title): what a waiver names, and by which two looks are compared."""
        return self.host, self.type, self.title


def findings_of(events: Iterable[Event]) -> list[DriftFinding]:
    """What a look found, in the order of its events.

    What's as it should be is none, nor is a handler that a finding would make due. A resource that failed, or that
    couldn't be looked at, is one of an unknown cause; an orphan's title is `TYPE TITLE` of the resource that it was.

    Args:
        events: Of one run that only looked.
    """
    found = (_finding(event) for event in events if isinstance(event, ResourceDone))
    return [finding for finding in found if finding is not None]


def identity_of(event: ResourceDone) -> tuple[str, str]:
    """(type, title) of a finding: of an orphan `orphan`, and `TYPE TITLE` of the resource that it was."""
    return (ORPHAN, f"{event.type} {event.title}") if event.status == "orphaned" else (event.type, event.title)


def counted(findings: Iterable[DriftFinding]) -> dict[Cause, int]:
    """How many there are of each cause, those without any included; waived ones don't count."""
    counts = dict.fromkeys(CAUSES, 0)
    for finding in findings:
        if finding.waived is None:
            counts[finding.cause] += 1
    return counts


def _finding(event: ResourceDone) -> DriftFinding | None:
    cause = event.cause
    if event.status in ("failed", "unknown"):
        cause = "unknown"
    elif event.status not in ("would_change", "orphaned") or cause is None:
        return None
    return DriftFinding(
        event.host,
        *identity_of(event),
        cause,
        source=event.source,
        diff=event.diff,
        message=event.message,
        first_seen=event.first_seen,
        evidence=tuple(event.evidence),
        repair=event.repair,
        waived=event.waived,
    )
