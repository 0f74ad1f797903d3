"""Apps by environments: what runs where, since when, by whom, and what's wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.history.deployed import deployed
from cdconf.history.reading import verdict_of
from cdconf.history.rows import RunFilter, fields_of, where
from cdconf.inventory.toggles import load_toggles
from cdconf.web.page import Ask, Page
from cdconf.web.reading.snapshot import rows
from cdconf.web.reading.sources import attempt
from cdconf.web.reading.store import line_of
from cdconf.web.tabling import PER_PAGE

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

_DEPLOYING = ("deploy", "rollback")
_MOST_ENVIRONMENTS, _FEWEST_ENVIRONMENTS = 12, 4
_MOST_CELLS = 360  # of the table: a page stays below 200 kB


def show(ask: Ask) -> Page:
    """The board."""
    sources = ask.sources
    known, problem = attempt(lambda: sources.kept.get("board", lambda: _known(sources)), _Known())
    said, store_problem = attempt(lambda: sources.kept.get("line", lambda: line_of(sources)), {})
    project = sources.project
    busy = {(one["environment"], one["app"]): one for one in sources.unfinished() if one["command"] in _DEPLOYING}
    seen = known.stay | {environment for environment, _ in busy}
    environments = _ordered(sources, [one for one in known.environments if one in seen])
    text = ask.params.get("environment", "").strip()[:100].casefold()
    chosen = [one for one in environments if text in one.casefold()]
    apps = [*project.apps, *sorted(known.apps - set(project.apps))]
    count = _MOST_CELLS // max(1, len(apps[:PER_PAGE]))
    shown = chosen[: min(max(count, _FEWEST_ENVIRONMENTS), _MOST_ENVIRONMENTS)]
    cells = [{"app": app, "cells": [_cell((one, app), known, busy, said) for one in shown]} for app in apps[:PER_PAGE]]
    toggles = {one: _toggles(sources, one) for one in shown}
    for row in cells:
        for cell in row["cells"]:
            cell["toggles_on"] = toggles[cell["environment"]].get(cell["app"], [])
    data = {
        "environments": [_environment(sources, one, known) for one in shown],
        "apps": cells,
        "more_environments": len(chosen) - len(shown),
        "more_apps": max(0, len(apps) - PER_PAGE),
        "environment": ask.params.get("environment", "")[:100],
        "at_work": [_brief(one) for one in sources.unfinished()],
        "stops": said.get("stops", []),
    }
    return Page("Board", "board.html", "board", data, problems=tuple(one for one in (problem, store_problem) if one))


class _Known:
    """What the history says of all environments."""

    def __init__(
        self,
        last: Iterable[Mapping[str, Any]] = (),
        attempts: Iterable[Mapping[str, Any]] = (),
        drift: Iterable[Mapping[str, Any]] = (),
        environments: Iterable[str] = (),
    ) -> None:
        self.last = {(one["environment"], one["app"]): one for one in last}
        self.attempts = {(one["environment"], one["app"]): one for one in attempts}
        self.drift = {one["environment"]: one for one in drift}
        self.environments = list(environments)
        self.apps = {app for _, app in self.last}
        every = [*self.last.values(), *self.attempts.values()]
        # Without copies that were made to try one commit: each would stay as a column of its own.
        self.stay = {one["environment"] for one in every if not one.get("throwaway")}


def _known(sources: Sources) -> _Known:
    history = sources.history
    return _Known(
        deployed(history, also=("override", "statement", "throwaway")),
        _newest(sources, _DEPLOYING, ("environment", "app")),
        _newest(sources, ("drift",), ("environment",)),
        sources.known_environments(),
    )


def _newest(sources: Sources, commands: tuple[str, ...], by: tuple[str, ...]) -> list[dict[str, Any]]:
    """The last run of these commands for each environment, or for each of its apps; however it ended."""
    history = sources.history
    sa, runs = history.sa, history.tables.runs
    which = [runs.c[name] for name in by]
    wanted = where(history, RunFilter(commands=commands), sa.select(*which, sa.func.max(runs.c.started_at).label("at")))
    last = wanted.where(*(one.is_not(None) for one in which)).group_by(*which).subquery()
    shown = ("id", "environment", "app", "version", "command", "started_at", "exit_code", "error", "user", "source")
    query = sa.select(*(runs.c[name] for name in shown))
    query = query.join(
        last, sa.and_(runs.c.started_at == last.c.at, *(runs.c[name] == last.c[name] for name in by))
    ).where(runs.c.command.in_(commands), runs.c.project == history.project)
    found = rows(history, query)
    with history.reading() as connection:
        fields = fields_of(history, connection, [row["id"] for row in found], ("verdict", "throwaway"))
    return [{"verdict": None, **row, **fields.get(row["id"], {})} for row in found]


def _cell(
    which: tuple[str, str], known: _Known, busy: Mapping[tuple[Any, Any], Any], said: Mapping[str, Any]
) -> dict[str, Any]:
    environment, app = which
    last, tried = known.last.get(which), known.attempts.get(which)
    cell: dict[str, Any] = {"environment": environment, "app": app, "state": None, "version": None}
    if last is not None:
        cell |= {"state": "verified", "version": last["version"], "since": last["ordered_at"], "by": last["user"]}
        cell |= {"overridden": last.get("override"), "command": last["command"]}
    if tried is not None and tried["exit_code"] != 0:
        verdict = verdict_of({"hosts": {}, **tried})
        word = {"unknown": "interrupted", "passed": "verified", "refused": "refused"}.get(verdict, verdict)
        word = "failed" if word == "refused" and tried["exit_code"] == 1 else word
        cell["attempt"] = {"state": word, "run": tried["id"], "version": tried["version"], "at": tried["started_at"]}
        cell["attempt"]["pinned"] = tried["verdict"] is True and bool(tried["version"])
        cell["attempt"]["why"] = (tried["error"] or "")[:200]
    if tried is not None:
        cell["run"] = tried["id"]
    running = busy.get(which)
    if running is not None:
        word = "deploying" if running["lives"] else "killed"
        cell |= {"doing": word, "run": running["id"], "doing_version": running.get("version")}
    stops = {one["version"] for one in said.get("stops", []) if one["app"] == app}
    cell["stopped"] = None in stops or cell["version"] in stops  # without a version, all of the app is stopped
    if "attempt" in cell:
        cell["attempt"]["stopped"] = cell["attempt"]["version"] in stops
    return cell


def _environment(sources: Sources, name: str, known: _Known) -> dict[str, Any]:
    drift = known.drift.get(name)
    found: dict[str, Any] = {"name": name, "drift": None}
    if drift is not None:
        words = {0: "ok", 2: "drifted", 4: "unreachable"}
        found["drift"] = words.get(drift["exit_code"], "unknown")
        found |= {"looked_at": drift["started_at"], "drift_run": drift["id"]}
    stage = sources.project.pipeline.of_environment(name)
    return found | {"stage": stage.name if stage else None}


def _ordered(sources: Sources, of_history: Iterable[str]) -> list[str]:
    """In the pipeline's order, then those of the files, then what only the history knows."""
    project = sources.project
    stages = [stage.environment for stage in project.pipeline.stages if stage.environment]
    names = [stage for stage in stages if stage in project.environments()]
    return list(dict.fromkeys([*names, *project.environments(), *of_history]))


def _toggles(sources: Sources, environment: str) -> dict[str, list[str]]:
    """App -> its toggles that the files have switched on there."""
    if environment not in sources.project.environments():
        return {}
    found, _ = attempt(lambda: load_toggles(sources.project, environment), {})
    return {app: [name for name, value in values.items() if value.on] for app, values in found.items()}


def _brief(one: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "command", "environment", "app", "version", "user", "started_at", "said_at", "lives", "error")
    return {name: one.get(name) for name in names}
