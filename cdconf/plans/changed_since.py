"""What has moved on between a saved plan and now, in words that say where to look."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.plans.saved import HostPlan, PlanFinding

_WORDS = {"would_change": "would change", "ok": "as it should be"}


def moves(before: HostPlan, now: HostPlan) -> Iterator[str]:
    """What differs on one host; nothing when the plan still holds.

    Args:
        before: As it was planned.
        now: As it is.
    """
    if before.mark != now.mark:
        yield "this isn't the host that was planned, or it was made anew"
        return
    planned, found = (_by_name(side) for side in (before, now))
    told = False
    for key, finding in found.items():
        text = _moved(planned.get(key), finding)
        if text:
            told = True
            yield text
    for key, finding in planned.items():
        if key not in found:
            told = True
            yield f"{_name(finding)} was in the plan, and isn't there any more"
    if not told and before.catalog != now.catalog:
        yield "the files' catalog is another: the order of its resources, or a handler"


def shown_otherwise(before: HostPlan, now: HostPlan) -> Iterator[str]:
    """What the plan shows that isn't what would be shown now, though nothing has moved.

    Lines may have moved in their files. For the arguments see `moves`.
    """
    found = _by_name(now)
    for key, finding in _by_name(before).items():
        again = found.get(key)
        if again is not None and _shown(finding) != _shown(again):
            yield f"the plan shows {_name(finding)} otherwise than it is{_at(again)}: its file may have been changed"


def _by_name(side: HostPlan) -> dict[tuple[str, str, int], PlanFinding]:
    """By type, title, and which of several declarations of the same resource it is."""
    found: dict[tuple[str, str, int], PlanFinding] = {}
    for resource in side.resources:
        number = next(number for number in count() if (resource.type, resource.title, number) not in found)
        found[resource.type, resource.title, number] = resource
    return found


def _shown(finding: PlanFinding) -> tuple[str | None, ...]:
    return (finding.source or "").partition(":")[0], finding.diff or None, finding.message or None


def _moved(before: PlanFinding | None, now: PlanFinding) -> str | None:
    if before is None:
        return f"{_name(now)} is new{_at(now)}"
    if before.wanted != now.wanted:
        return f"the files want something else of {_name(now)}{_at(now)}"
    if before.status != now.status:
        return f"the host has moved: {_name(now)} was {_word(before)}, and is {_word(now)}"
    return f"the host has moved: {_name(now)} differs in another way than it did" if before.found != now.found else None


def _name(finding: PlanFinding) -> str:
    return f"{finding.type} {finding.title}"


def _at(finding: PlanFinding) -> str:
    return f" [{finding.source}]" if finding.source else ""


def _word(finding: PlanFinding) -> str:
    return f"`{_WORDS.get(finding.status, finding.status)}`"
