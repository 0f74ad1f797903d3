"""Compares what two hosts should be, resource by resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdconf.parity.causes import InputDifferences, worst
from cdconf.parity.model import ABSENT, DesiredResource, ParityFinding, Portrait, Status

Pair = tuple[DesiredResource | None, DesiredResource | None]


def pairs(ours: Portrait, theirs: Portrait, roles: frozenset[str]) -> list[Pair]:
    """Which resource of the one host is which of the other.

    First by type and title. What is left over pairs up by the line that declares it, when that line makes equally
    many: its title holds an address, or a host's name. What then has no counterpart is on one side only.

    Args:
        ours: A host.
        theirs: Its counterpart.
        roles: The roles of the group in which they're compared: hosts may be in other groups as well.
    """
    mine = {name: resource for name, resource in ours.wanted.items() if resource.role in roles}
    other = {name: resource for name, resource in theirs.wanted.items() if resource.role in roles}
    found: list[Pair] = [(resource, theirs.wanted[name]) for name, resource in mine.items() if name in theirs.wanted]
    found += [
        (ours.wanted[name], resource) for name, resource in other.items() if name not in mine and name in ours.wanted
    ]
    left = _by_line({name: resource for name, resource in mine.items() if name not in theirs.wanted})
    right = _by_line({name: resource for name, resource in other.items() if name not in ours.wanted})
    for line in [*left, *(line for line in right if line not in left)]:
        here, there = left.get(line, []), right.get(line, [])
        if len(here) == len(there):
            found += list(zip(here, there, strict=True))
        else:
            found += [(resource, None) for resource in here]
            found += [(None, resource) for resource in there]
    return found


def _by_line(wanted: Mapping[str, DesiredResource]) -> dict[tuple[str, str], list[DesiredResource]]:
    lines: dict[tuple[str, str], list[DesiredResource]] = {}
    for resource in wanted.values():
        lines.setdefault((resource.type, resource.source), []).append(resource)
    return lines


def compare_wanted(paired: list[Pair], causes: InputDifferences) -> Iterator[ParityFinding]:
    """The differences of paired resources, field by field."""
    for mine, other in paired:
        if mine is None or other is None or mine.absent != other.absent:
            yield _presence(mine, other, causes)
            continue
        for name in dict.fromkeys([*mine.fields, *other.fields]):
            values = (mine.fields.get(name, ABSENT), other.fields.get(name, ABSENT))
            if values[0] != values[1]:
                yield _field(mine, other, name, values, causes)


def _presence(mine: DesiredResource | None, other: DesiredResource | None, causes: InputDifferences) -> ParityFinding:
    """A resource that only one side has: names and addresses are no reason for that, what's declared is."""
    known = [resource for resource in (mine, other) if resource is not None]
    reads = frozenset().union(*(resource.reads for resource in known))
    differing = causes.of(reads)
    entry = causes.entries.resource(known[0].name, **causes.place, field="exists")
    status: Status = "unexplained"
    if entry is not None or (differing and worst(list(differing.values())) == "declared"):
        status = "declared"
    blamed = tuple(name for name, one in differing.items() if one == status) or tuple(differing)
    return causes.finding(
        "resource",
        known[0].name,
        (_there(mine), _there(other)),
        status,
        field="exists",
        why=entry.why if entry else causes.why(blamed) if status == "declared" else None,
        causes=() if entry else blamed,
        entry=entry,
        sources=(mine.source if mine else None, other.source if other else None),
    )


def _there(resource: DesiredResource | None) -> str:
    if resource is None:
        return "not in the files"
    return "absent: true" if resource.absent else "in the files"


def _field(
    mine: DesiredResource, other: DesiredResource, name: str, values: tuple[Any, Any], causes: InputDifferences
) -> ParityFinding:
    differing = causes.of(mine.reads | other.reads)
    entry = causes.entries.resource(mine.name, **causes.place, field=name)
    status: Status = "declared" if entry else causes.judge(differing, values)
    blamed = () if entry else tuple(cause for cause, one in differing.items() if one == status) or tuple(differing)
    why = entry.why if entry else None if status == "unexplained" else causes.why(blamed)
    return causes.finding(
        "resource",
        mine.name,
        values,
        status,
        field=name,
        why=why,
        causes=blamed,
        entry=entry,
        sources=(mine.source, other.source),
    )
