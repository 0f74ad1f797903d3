"""What differs between two revisions of an environment: lines for people, data for programs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from cdconf.errors import DIFFERENT, OK
from cdconf.events import HostResult, RunResult
from cdconf.facts import age_text
from cdconf.plans.hostsets import groups_within, named
from cdconf.render.style import Style

if TYPE_CHECKING:
    from cdconf.plans.changes import PlannedChange
    from cdconf.plans.fleet import FleetPlan, RevisionSide

SIGNS = {"added": "+", "removed": "-", "changed": "~", "reordered": "=", "unknown": "?"}

_FIRST = ("changed", "removed", "reordered", "unknown", "added")


def where(change: PlannedChange) -> str:
    """`roles/web/role.yml:7`, or both places when they aren't the same."""
    if change.before and change.after and change.before != change.after:
        return f"{change.before} -> {change.after}"
    return change.after or change.before or ""


def what(change: PlannedChange) -> str:
    """`file /etc/motd`; the order of a catalog has no title."""
    return "the order of resources" if change.kind == "reordered" else f"{change.type} {change.title}"


def hosts_of(plan: FleetPlan, change: PlannedChange) -> str:
    """The change's hosts, groups by their names."""
    return hosts_at(plan.side_of(change), plan.changes[change])


def hosts_at(side: RevisionSide, hosts: Collection[str]) -> str:
    """Hosts as they're grouped at one of the revisions."""
    return named(side.project, side.environment, hosts) if side.environment else ", ".join(hosts)


def ordered(plan: FleetPlan) -> list[PlannedChange]:
    """All changes: what needs most care first, of each kind what only one host has last, else as they were met."""
    many = len(plan.equal) > 1
    return sorted(plan.changes, key=lambda change: (_FIRST.index(change.kind), many and len(plan.changes[change]) == 1))


def summary(plan: FleetPlan) -> str:
    """`2 added, 1 changed, on 10 of 12 hosts`."""
    counts = {kind: sum(change.kind == kind for change in plan.changes) for kind in SIGNS}
    parts = [f"{count} {kind}" for kind, count in counts.items() if count]
    touched = {host for hosts in plan.changes.values() for host in hosts}
    if parts:
        parts[-1] += f"; on {len(touched)} of {_count(len(plan.equal), 'host')}"
    for word, found in (("added", plan.added), ("removed", plan.removed), ("described differently", plan.described)):
        if found:
            parts.append(f"{_count(len(found), 'host')} {word}")
    return ", ".join(parts) or "no differences"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def facts_line(plan: FleetPlan) -> str:
    """How old the facts are that were used."""
    seen = [age for age in plan.ages.values() if age is not None]
    never = [name for name, age in plan.ages.items() if age is None]
    parts = [f"last seen at most {age_text(max(seen))} ago"] if seen else []
    if never:
        every = len(never) == len(plan.ages)
        side = plan.after if all(name in plan.after.hosts for name in never) else plan.before
        parts.append("never seen" if every else f"never seen of {hosts_at(side, never)}")
    return f"facts: {', '.join(parts)}"


def lines(plan: FleetPlan, style: Style) -> Iterator[str]:
    """The plan for people."""
    yield f"{plan.before.revision.shown} -> {plan.after.revision.shown}"
    yield from inventory_lines(plan)
    for change in ordered(plan):
        sensitive = " (sensitive)" if change.sensitive else ""
        place = f"  [{where(change)}]" if where(change) else ""
        message = f": {change.message}" if change.message else ""
        yield f"{SIGNS[change.kind]} {what(change)}{sensitive}: on {hosts_of(plan, change)}{place}{message}"
        if change.diff and style.diff:
            yield from (f"    {line}" for line in change.diff.rstrip("\n").split("\n"))
    yield summary(plan)
    yield facts_line(plan)


def inventory_lines(plan: FleetPlan) -> Iterator[str]:
    """Hosts and groups that come, go, or are described differently."""
    for sign, found in (("+", plan.groups_added), ("-", plan.groups_removed)):
        yield from (f"{sign} group {group}" for group in found)
    for name, count in plan.added.items():
        groups = ", ".join(plan.after.hosts[name].groups)
        yield f"+ host {name} ({groups}): gets {_count(count, 'resource')}  [{_host_place(plan.after, name)}]"
    for name in plan.removed:
        groups = ", ".join(plan.before.hosts[name].groups)
        yield f"- host {name} ({groups})  [{_host_place(plan.before, name)}]"
    for change in plan.described:
        fields = "; ".join(f"{name}: {_value(old)} -> {_value(new)}" for name, (old, new) in change.fields.items())
        yield f"~ host {change.host}: {fields}  [{_host_place(plan.after, change.host)}]"


def _host_place(side: RevisionSide, name: str) -> str:
    return f"{side.hosts[name].file}:{side.hosts[name].line}"


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "(none)"
    return "(none)" if value is None else str(value)


def data(plan: FleetPlan) -> dict[str, Any]:
    """The command's own keys of the JSON document."""
    return {
        "from": _revision(plan.before),
        "to": _revision(plan.after),
        "changes": [_change(plan, change) for change in ordered(plan)],
        "hosts_added": [
            {"host": name, "groups": list(plan.after.hosts[name].groups), "resources": count}
            for name, count in plan.added.items()
        ],
        "hosts_removed": [{"host": name, "groups": list(plan.before.hosts[name].groups)} for name in plan.removed],
        "hosts_described": [
            {
                "host": host_change.host,
                "fields": {name: {"from": old, "to": new} for name, (old, new) in host_change.fields.items()},
            }
            for host_change in plan.described
        ],
        "groups_added": list(plan.groups_added),
        "groups_removed": list(plan.groups_removed),
        "facts_age_s": {name: None if age is None else round(age, 1) for name, age in plan.ages.items()},
    }


def _revision(side: RevisionSide) -> dict[str, str | None]:
    return {"revision": side.revision.label, "commit": side.revision.commit}


def _change(plan: FleetPlan, change: PlannedChange) -> dict[str, Any]:
    side, hosts = plan.side_of(change), plan.changes[change]
    groups = groups_within(side.project, side.environment, hosts) if side.environment else ()
    return {
        "change": change.kind,
        "type": change.type,
        "title": change.title,
        "hosts": hosts,
        "groups": list(groups),
        "source_from": change.before,
        "source_to": change.after,
        "sensitive": change.sensitive,
        "diff": change.diff,
        "message": change.message,
    }


def result_of(plan: FleetPlan, environment: str, duration: float) -> RunResult:
    """The run, as the JSON document has it; each host's resources are counted, and named in `changes` once."""
    hosts = {name: HostResult("ok", ok=count) for name, count in plan.equal.items()}
    for change, names in plan.changes.items():
        for name in names:
            if change.kind == "unknown":
                hosts[name].unknown += 1
            else:
                hosts[name].changed += 1
                hosts[name].status = "changed"
    code = DIFFERENT if plan.differs else OK
    return RunResult("plan", environment, hosts, exit_code=code, duration_s=duration, extra=data(plan))
