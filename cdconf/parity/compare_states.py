"""Compares what was seen on two hosts: states of resources, orphans, releases."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from cdconf.agent.packages.common import LATEST
from cdconf.parity.causes import InputDifferences
from cdconf.parity.compare_catalogs import Pair
from cdconf.parity.model import ABSENT, DesiredResource, ParityFinding, Status
from cdconf.parity.unreleased import Sides, reason, service_waits

State = Any  # of one resource: see `Sight.states`


def compare_seen(
    paired: list[Pair], causes: InputDifferences, apps: frozenset[str], first: Sides
) -> Iterator[ParityFinding]:
    """The differences that the hosts themselves show; none when either wasn't looked at.

    Args:
        paired: The resources, see `wanted.pairs`.
        causes: What the hosts are.
        apps: The apps of the group in which they're compared.
        first: Of each side, the apps of which none of its hosts has ever held a release.
    """
    if causes.ours.sight is None or causes.theirs.sight is None:
        return
    states = (causes.ours.sight.states, causes.theirs.sight.states)
    for mine, other in paired:
        if mine is None or other is None or mine.absent != other.absent:
            continue  # what the files say of it is a difference already
        ids = (f"{mine.type}:{mine.title}", f"{other.type}:{other.title}")
        if ids[0] in states[0] and ids[1] in states[1]:
            yield from _states(mine, other, states[0][ids[0]], states[1][ids[1]], causes)
    yield from _orphans(causes)
    yield from _releases(causes, apps, first)


def _states(
    mine: DesiredResource, other: DesiredResource, here: State, there: State, causes: InputDifferences
) -> Iterator[ParityFinding]:
    shown = tuple(ABSENT if state is None else state if isinstance(state, str) else "there" for state in (here, there))
    if shown[0] != shown[1]:
        yield _finding(mine, other, "exists", (shown[0], shown[1]), causes)
    if not isinstance(here, dict) or not isinstance(there, dict) or mine.absent:
        return
    for name in dict.fromkeys([*mine.compared, *mine.portrayed]):
        if name not in here and name not in there:
            continue
        values = (here.get(name, ABSENT), there.get(name, ABSENT))
        asked = (mine.fields.get(name, ABSENT), other.fields.get(name, ABSENT))
        if values[0] == values[1] or (asked[0] != asked[1] and values == asked):
            continue  # alike, or each as its files have it, which is told of the files
        if name in mine.portrayed or asked != (ABSENT, ABSENT):
            yield _finding(mine, other, name, values, causes)


def _finding(
    mine: DesiredResource, other: DesiredResource, name: str, values: tuple[Any, Any], causes: InputDifferences
) -> ParityFinding:
    entry = causes.entries.resource(mine.name, **causes.place, field=name)
    status, why = ("declared", entry.why) if entry else _judged(mine, other, name, values, causes)
    sources = (mine.source, other.source)
    return causes.finding(
        "resource", mine.name, values, status, field=name, why=why, entry=entry, sources=sources, seen=True
    )


def _judged(
    mine: DesiredResource, other: DesiredResource, name: str, values: tuple[Any, Any], causes: InputDifferences
) -> tuple[Status, str | None]:
    """What's to be said of a state that differs, when no entry declares it."""
    waits = service_waits(mine, name, values, causes)
    if waits is not None:
        return "inherent", waits
    sides = zip((causes.ours, causes.theirs), (mine, other), values, strict=True)
    off = [side.environment for side, resource, value in sides if _is_off(resource, name, value)]
    if off:
        return "unexplained", f"not as the files have it in {' and '.join(off)}"
    if causes.os is not None and causes.os.status == "declared":
        return "declared", causes.os.why
    is_asked = name in mine.fields or name in other.fields
    return "unexplained", None if is_asked or name == "exists" else f"no role says what `{name}` should be"


def _is_off(wanted: DesiredResource, name: str, value: Any) -> bool:
    """Whether a host's state isn't what its files ask for."""
    if name == "exists":
        return bool((value == ABSENT) != wanted.absent) if isinstance(value, str) else False
    asked = wanted.fields.get(name)
    if name in wanted.portrayed and isinstance(asked, str) and isinstance(value, str):
        return asked != LATEST and not fnmatchcase(value, asked)  # a version's pattern
    return asked is not None and name in wanted.compared and asked != value


def _orphans(causes: InputDifferences) -> Iterator[ParityFinding]:
    here, there = causes.ours.sight, causes.theirs.sight
    if here is None or there is None:
        return
    for name in sorted({*here.orphans} ^ {*there.orphans}):
        entry = causes.entries.resource(name, **causes.place, field="exists")
        values = tuple("left over" if name in sight.orphans else "not there" for sight in (here, there))
        sources = (here.orphans.get(name), there.orphans.get(name))
        yield causes.finding(
            "orphan",
            name,
            (values[0], values[1]),
            "declared" if entry else "unexplained",
            why=entry.why if entry else "it was applied earlier, and is no longer in the files",
            entry=entry,
            sources=sources,
            seen=True,
        )


def _releases(causes: InputDifferences, apps: frozenset[str], first: Sides) -> Iterator[ParityFinding]:
    here, there = causes.ours.sight, causes.theirs.sight
    if here is None or there is None:
        return
    for app in sorted(apps & {*here.releases} & {*there.releases}):
        for name in ("release", "problem"):
            values = tuple(sight.releases[app].get(name) or ABSENT for sight in (here, there))
            if values[0] != values[1]:
                entry = causes.entries.one("artifact", [app], **causes.place)
                waits = _original_waits(app, (values[0], values[1]), causes, first) if name == "release" else None
                status: Status = "declared" if entry else "inherent" if waits else "unexplained"
                why = entry.why if entry else waits
                pair = (values[0], values[1])
                yield causes.finding("artifact", app, pair, status, field=name, why=why, entry=entry, seen=True)


def _original_waits(app: str, values: tuple[str, str], causes: InputDifferences, first: Sides) -> str | None:
    """Why one side has no release, when it's no copy of the other: a copy goes first, and must have it already."""
    for side, value, apps, is_copy in zip(
        (causes.ours, causes.theirs), values, first, causes.entries.copies, strict=True
    ):
        if value == ABSENT and app in apps and not is_copy:
            return reason(side.environment, app)
    return None
