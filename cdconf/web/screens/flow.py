"""The value stream: how long a change takes, and of what that time is made; and DORA's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError
from cdconf.pipeline.value_stream.as_data import stream_data
from cdconf.pipeline.value_stream.dora import dora
from cdconf.pipeline.value_stream.model import KINDS
from cdconf.pipeline.value_stream.reading import destination, known_of
from cdconf.pipeline.value_stream.stream import stream
from cdconf.web.page import Ask, NotThere, Page
from cdconf.web.reading.sources import attempt
from cdconf.web.tabling import Column, table

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

DAYS = (7, 30, 90, 365)
_CHANGES = (
    Column("verified_at", "there", "time"),
    Column("app", "app"),
    Column("version", "version"),
    Column("subject", "change", "long"),
    Column("commit", "commit", "code"),
    Column("lead_time_s", "lead time", "length"),
    Column("longest", "longest part"),
)
_MOST_APPS = 20


def show(ask: Ask) -> Page:
    """The value stream.

    Raises:
        NotThere: There's no such environment.
    """
    sources = ask.sources
    days = int(text) if (text := ask.params.get("days", "30")) in map(str, DAYS) else 30
    names = [*dict.fromkeys([*sources.project.environments(), *sources.known_environments()])]
    to = ask.params.get("to") or attempt(lambda: destination(sources.project), names[-1] if names else "")[0]
    if to and to not in names:
        raise NotThere(f"there is no environment '{to}'")
    found, problem = attempt(lambda: _kept(sources, to, days) if to else [], [])
    changes = [row for one in found for row in _changes(one)]
    apps = [{key: value for key, value in one.items() if key != "releases"} for one in found]
    for app in apps:
        totals = [sum(step[kind]["total"] for kind in KINDS) for step in app["stages"]]
        app |= {"waiting": app["waiting"][:20], "kinds": list(KINDS), "most": max([*totals, 1.0])}
    data = {"to": to, "environments": names, "days": days, "apps": apps, "choices": list(DAYS)}
    tables = {"changes": table("", _CHANGES, changes, ask.params, "No change has arrived in this time.")}
    return Page("Value stream", "flow.html", "flow", data, tables, (problem,) if problem else ())


def _kept(sources: Sources, to: str, days: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sources.kept.get(
        f"flow {to} {days}", lambda: _read(sources, to, days), lasts=300.0, young=20.0
    )
    return found


def _read(sources: Sources, to: str, days: int) -> list[dict[str, Any]]:
    known = known_of(sources.project, sources.history, to, sources.emit, indexed=sources.store)
    since = known.now - days * 86400.0
    deployed = {deployment.app for deployment in known.deployments}
    apps = [one for one in sources.project.apps if one in deployed] + sorted(deployed - set(sources.project.apps))
    found = []
    for app in apps[:_MOST_APPS]:
        try:
            told = stream(known, app, since)
        except CdconfError:
            continue
        own = [deployment for deployment in known.deployments if deployment.app == app]
        found.append({"app": app, **stream_data(told, dora(told, own, known.marks, known.now))})
    return found


def _changes(one: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for release in one["releases"]:
        for change in release["changes"]:
            parts = change["parts"]
            longest = max(parts, key=lambda part: part["ends"] - part["begins"], default=None)
            about = {name: change[name] for name in ("commit", "subject", "verified_at", "lead_time_s")}
            about |= {"app": one["app"], "version": release["version"], "commit": change["commit"][:12]}
            where = f"{longest['kind']} in {longest['stage'] or 'front of the pipeline'}" if longest else ""
            rows.append({**about, "longest": where})
    return rows
