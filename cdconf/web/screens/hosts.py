"""Hosts of an environment: which, in which groups, and what was done to them last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cdconf.history.rows import RunFilter, parsed, where
from cdconf.web.page import Ask, NotThere, Page
from cdconf.web.reading.snapshot import rows
from cdconf.web.reading.sources import attempt
from cdconf.web.tabling import Column, table
from cdconf.web.words import result_of

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

_COLUMNS = (
    Column("name", "host", "host"),
    Column("status", "last run", "state"),
    Column("at", "when", "time"),
    Column("command", "command", "run"),
    Column("groups", "groups"),
    Column("address", "address", "code"),
    Column("os", "os"),
)
_RUNS = 400  # the newest runs of an environment, in which hosts are looked for
_BYTES = 8_000_000  # of what they say of hosts


def show(ask: Ask) -> Page:
    """The hosts.

    Raises:
        NotThere: There's no such environment.
    """
    sources = ask.sources
    names = sources.project.environments()
    name = ask.params.get("environment") or next(iter(_staying(sources)), "")
    if name and name not in names:
        raise NotThere(f"there is no environment '{name}'", hint=f"there are: {', '.join(names) or 'none'}")
    listed: list[dict[str, Any]] = []
    problem = None
    if name:
        listed, problem = attempt(lambda: sources.kept.get(f"hosts {name}", lambda: _listed(sources, name)), [])
    params = {**ask.params, **({"environment": name} if name else {})}
    found = table("", _COLUMNS, listed, params, "The environment has no hosts.")
    groups: dict[str, int] = {}
    for one in listed:
        for group in one["groups"].split(", "):
            groups[group] = groups.get(group, 0) + 1
    data = {"environment": name, "environments": list(names), "groups": groups, "count": len(listed)}
    return Page("Hosts", "hosts.html", "hosts", data, {"hosts": found}, (problem,) if problem else ())


def _staying(sources: Sources) -> list[str]:
    """The environments in the order in which somebody looks for them: the pipeline's last one first."""
    stages = [stage.environment for stage in reversed(sources.project.pipeline.stages) if stage.environment]
    there = sources.project.environments()
    return [one for one in dict.fromkeys([*stages, *there]) if one in there]


def _listed(sources: Sources, name: str) -> list[dict[str, Any]]:
    environment = sources.environment(name)
    last = last_runs(sources, name, len(environment.hosts))
    return [
        {
            "name": host.name,
            "environment": name,
            "groups": ", ".join(host.groups),
            "address": host.ssh.address or host.address,
            "os": host.os,
            **last.get(host.name, {"status": "no run yet", "at": None, "command": None, "id": None}),
        }
        for host in environment.hosts.values()
    ]


def last_runs(sources: Sources, environment: str, count: int) -> dict[str, dict[str, Any]]:
    """Host -> the last run that had it among its hosts, as far as the newest runs tell."""
    history = sources.history
    runs = history.tables.runs
    shown = ("id", "command", "started_at", "exit_code", "source", "hosts")
    query = where(history, RunFilter(environment), history.sa.select(*(runs.c[name] for name in shown)))
    found: dict[str, dict[str, Any]] = {}
    size = 0
    for row in rows(history, query.order_by(runs.c.started_at.desc()).limit(_RUNS)):
        size += len(row["hosts"] or "")
        if len(found) >= count or size > _BYTES:
            break
        hosts = parsed(row["hosts"])
        for name, one in hosts.items() if isinstance(hosts, dict) else ():
            if name not in found and isinstance(one, dict):
                about = {"at": row["started_at"], "command": row["command"], "id": row["id"]}
                found[name] = {"status": str(one.get("status") or result_of(row)), **about}
    return found


def text_of(value: Any) -> str:
    """A fact as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
