"""Compares two environments group by group: which hosts pair up, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cdconf.parity.causes import InputDifferences
from cdconf.parity.compare_catalogs import Pair, compare_wanted, pairs
from cdconf.parity.compare_states import compare_seen
from cdconf.parity.entries import Entries
from cdconf.parity.model import ABSENT, Comparison, ParityFinding, ParitySide, Portrait, Status
from cdconf.parity.neutral_text import Neutral
from cdconf.parity.pairing import Pairing
from cdconf.parity.toggles import compare_toggles
from cdconf.parity.unreleased import Sides, unreleased

if TYPE_CHECKING:
    from cdconf.inventory import Differs, Project


@dataclass(frozen=True)
class _Group:
    """A group of both environments."""

    name: str
    roles: frozenset[str]
    apps: frozenset[str]
    ours: tuple[Portrait, ...]
    theirs: tuple[Portrait, ...]
    first: Sides = (frozenset(), frozenset())


def compare(
    project: Project, names: tuple[str, str], ours: Sequence[Portrait], theirs: Sequence[Portrait], entries: Entries
) -> Comparison:
    """How two environments differ.

    A group's hosts count as a set of shapes: each host needs a counterpart that differs from it in nothing
    unexplained. The host of the same name is tried first, then the one in the same place, then all others; when none
    fits, the differences from the nearest one are told.

    Args:
        project: Its groups and apps.
        names: The environments' names.
        ours: The hosts of the first.
        theirs: The hosts of the second.
        entries: The declared differences.
    """
    found: list[ParityFinding] = []
    scale: dict[str, ParityFinding] = {}
    waiting = [tuple(unreleased(side)) for side in (ours, theirs)]
    first = [frozenset(one.app for one in side if one.everywhere) for side in waiting]
    groups = [
        replace(group, first=(first[0], first[1]))
        for name in project.groups
        if (group := _group(project, name, ours, theirs)) is not None
    ]
    neutral = Neutral(frozenset().union(*(portrait.names for portrait in (*ours, *theirs))))
    for group in groups:
        different = _scale(group, entries)
        if different is not None:
            scale[group.name] = different
    for group in groups:
        found += [scale[group.name]] if group.name in scale else []
        found += _in_group(group, entries, scale, neutral)
    findings = tuple(_merged(found))
    used = {id(finding.entry) for finding in found if finding.entry is not None}
    return Comparison(
        *names,
        groups={group.name: (_hosts(group.ours), _hosts(group.theirs)) for group in groups},
        findings=findings,
        unmatched=tuple(_unmatched(entries, used, [*ours, *theirs])),
        unreleased=(*waiting[0], *waiting[1]),
    )


def _group(project: Project, name: str, ours: Sequence[Portrait], theirs: Sequence[Portrait]) -> _Group | None:
    members = [tuple(portrait for portrait in side if name in portrait.groups) for side in (ours, theirs)]
    if not members[0] and not members[1]:
        return None
    apps = frozenset(app.name for app in project.apps.values() if name in app.groups)
    return _Group(name, frozenset(project.groups[name]), apps, members[0], members[1])


def _hosts(portraits: Sequence[Portrait]) -> tuple[str, ...]:
    return tuple(portrait.host for portrait in portraits)


def _scale(group: _Group, entries: Entries) -> ParityFinding | None:
    """The difference in the number of hosts, declared by an entry that names no host."""
    counts = (len(group.ours), len(group.theirs))
    if counts[0] == counts[1]:
        return None
    entry = entries.of_group(group.name, None)
    mine, other = (ParitySide(_hosts(one), len(one)) for one in (group.ours, group.theirs))
    status: Status = "declared" if entry else "unexplained"
    why = entry.why if entry else None
    return ParityFinding("scale", group.name, group.name, mine, other, status, why=why, entry=entry)


def _in_group(
    group: _Group, entries: Entries, scale: Mapping[str, ParityFinding], neutral: Neutral
) -> Iterator[ParityFinding]:
    alone = {
        portrait.host: entry
        for portrait in (*group.ours, *group.theirs)
        if (entry := entries.of_group(group.name, portrait.host)) is not None
    }
    for name, entry in alone.items():
        mine, other = (
            ParitySide((name,), "not compared") if name in _hosts(one) else ParitySide((), ABSENT)
            for one in (group.ours, group.theirs)
        )
        yield ParityFinding(
            "scale", group.name, group.name, mine, other, "declared", field="counterpart", why=entry.why, entry=entry
        )
    left = [our for our in group.ours if our.host not in alone]
    right = [their for their in group.theirs if their.host not in alone]
    yield from Pairing(
        left, right, lambda mine, other: list(_between(mine, other, group, entries, scale, neutral))
    ).findings()


def _between(
    mine: Portrait,
    other: Portrait,
    group: _Group,
    entries: Entries,
    scale: Mapping[str, ParityFinding],
    neutral: Neutral,
) -> Iterator[ParityFinding]:
    paired = pairs(mine, other, group.roles)
    causes = InputDifferences(mine, other, group.name, entries, _variables(mine, other, group, paired), scale, neutral)
    yield from causes.settings
    if causes.os is not None:
        yield causes.os
    yield from causes.facts
    yield from compare_wanted(paired, causes)
    yield from compare_seen(paired, causes, group.apps, group.first)
    yield from compare_toggles(causes, group.apps)


def _variables(mine: Portrait, other: Portrait, group: _Group, paired: Sequence[Pair]) -> frozenset[str]:
    """The variables that count in a group: what its roles declare, and what its resources are made of."""
    settings = [*mine.settings.items(), *other.settings.items()]
    declared = {name for name, setting in settings if setting.roles & group.roles}
    read = {name for pair in paired for resource in pair if resource is not None for name in resource.reads}
    return frozenset(declared | read)


def _merged(findings: Sequence[ParityFinding]) -> Iterator[ParityFinding]:
    """Each difference once, with all the hosts that have it."""
    merged: dict[tuple[object, ...], ParityFinding] = {}
    for finding in findings:
        key = (
            finding.kind,
            finding.name,
            finding.field,
            finding.status,
            finding.seen,
            repr(finding.ours.value),
            repr(finding.theirs.value),
        )
        known = merged.get(key)
        if known is None:
            merged[key] = finding
        else:
            sides = [
                replace(a, hosts=tuple(dict.fromkeys((*a.hosts, *b.hosts))))
                for a, b in ((known.ours, finding.ours), (known.theirs, finding.theirs))
            ]
            merged[key] = replace(known, ours=sides[0], theirs=sides[1])
    return iter(merged.values())


def _unmatched(entries: Entries, used: set[int], portraits: Sequence[Portrait]) -> Iterator[Differs]:
    """The entries that declare nothing; what only hosts can show is left open when one of them wasn't looked at."""
    addresses = frozenset().union(*(portrait.addresses for portrait in portraits))
    seen = all(portrait.sight is not None for portrait in portraits)
    for entry in entries.own:
        if entry.what == "address":
            if entry.value not in addresses:
                yield entry
        elif id(entry) not in used and (seen or entry.what in ("variable", "scale")):
            yield entry
