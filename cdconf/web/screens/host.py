"""One host: its releases, facts, drift, lease and events, as far as the history and the last looks tell."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.facts import FactCache
from cdconf.history.rows import RunFilter
from cdconf.schedules.look_key import path_of
from cdconf.web.page import Ask, NotThere, Page
from cdconf.web.reading.looking import Looks
from cdconf.web.reading.sources import attempt
from cdconf.web.screens.drift import COLUMNS as FINDINGS
from cdconf.web.screens.drift import FOUND, findings, row_of
from cdconf.web.screens.hosts import text_of
from cdconf.web.tabling import Column, table
from cdconf.web.words import result_of

if TYPE_CHECKING:
    from cdconf.inventory import Host
    from cdconf.web.reading.sources import Sources

_RUNS = (
    Column("at", "began", "time"),
    Column("result", "result", "state"),
    Column("command", "command", "run"),
    Column("what", "what"),
    Column("fence", "fence", "number"),
    Column("user", "by"),
)
_FACTS = (Column("name", "fact", "code"), Column("value", "value", "long"))
_RESOURCES = (Column("what", "resource"), Column("state", "state", "state"), Column("source", "declared in", "code"))
_SHOWN = 50


def show(ask: Ask) -> Page:
    """One host.

    Raises:
        NotThere: There's no such environment, or it has no such host.
    """
    sources, name, wanted = ask.sources, ask.path["environment"], ask.path["host"]
    if name not in sources.project.environments():
        raise NotThere(f"there is no environment '{name}'")
    environment = sources.environment(name)
    host = environment.hosts.get(wanted)
    if host is None:
        raise NotThere(f"{name} has no host '{wanted}'")
    key = f"runs of {name} {wanted}"
    runs, problem = attempt(lambda: sources.kept.get(key, lambda: _runs(sources, name, wanted)), [])
    look = _look(ask, host)
    live = (look.get("answer") or {}).get("said") or {}
    found, drift_problem = attempt(lambda: _drift(sources, name, wanted, live.get("drift")), _Drift())
    facts, facts_at = _facts_of(sources, name, wanted, look, live)
    data: dict[str, Any] = {
        "environment": name,
        "host": _about(host),
        "apps": [_app(app.name, runs) for app in sources.project.apps_on(host)],
        "roles": _roles(sources, host),
        "facts_at": facts_at,
        "last": runs[0] if runs else None,
        "looked_at": found.at,
        "resources_counts": found.counts,
        "look": _shown(look, ask.now),
        "commands": [f"cdconf status {name} --limit {wanted}", f"cdconf drift {name} --limit {wanted}"],
    }
    tables = {
        "findings": table("findings", FINDINGS, found.rows, ask.params, found.nothing),
        "resources": table("resources", _RESOURCES, found.resources, ask.params, "The host wasn't asked for them.", 20),
        "runs": table("", _RUNS, runs, ask.params, "The history has no run with this host."),
        "facts": table("facts", _FACTS, list(_facts("", facts)), ask.params, "Its facts were never seen.", 40),
    }
    problems = tuple(one for one in (problem, drift_problem) if one)
    return Page(wanted, "host.html", "hosts", data, tables, problems)


@dataclass(frozen=True)
class _Drift:
    """What the last look found: the dashboard's own, or one of the history.

    Attributes:
        resources: All resources; empty where only the history tells, which has none that is as it should be.
        counts: How many resources are in which state.
    """

    rows: Sequence[dict[str, Any]] = ()
    resources: Sequence[dict[str, Any]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    at: float | None = None
    nothing: str = "Nobody has looked at this environment for drift."


def _drift(sources: Sources, environment: str, host: str, live: Mapping[str, Any] | None) -> _Drift:
    if live is not None:
        rows = [row_of(environment, one) for one in live["events"]]
        bad = [row for row, one in zip(rows, live["events"], strict=True) if one.get("status") in FOUND]
        states = [str(row["state"]) for row in rows]
        counts = {state: states.count(state) for state in dict.fromkeys(states)}
        return _Drift(bad, rows, counts, live["at"], "The host is as it was applied last.")
    found = sources.kept.get(f"drift of {environment}", lambda: findings(sources, environment))
    if not found:
        return _Drift()
    own = [one for one in found["rows"] if one["host"] == host]
    return _Drift(own, at=found["at"], nothing="The last look found no difference here.")


def _facts_of(
    sources: Sources, environment: str, host: str, look: Mapping[str, Any], live: Mapping[str, Any]
) -> tuple[Mapping[str, Any], float | None]:
    """The facts, and when they were seen: by the dashboard itself, else by the last run."""
    if live:
        return live["facts"], look["answer"]["said_at"]
    seen = FactCache(sources.project.data, environment).load(host)
    return seen.facts, None if seen.age is None else time.time() - seen.age


def _about(host: Host) -> dict[str, Any]:
    about = {"name": host.name, "groups": list(host.groups), "address": host.ssh.address or host.address, "os": host.os}
    return about | {"transport": host.transport, "source": f"{host.file}:{host.line}" if host.file else None}


def _roles(sources: Sources, host: Host) -> list[str]:
    return list(dict.fromkeys(role for group in host.groups for role in sources.project.groups.get(group, ())))


def _runs(sources: Sources, environment: str, host: str) -> list[dict[str, Any]]:
    found = sources.history.runs(limit=_SHOWN, wanted=RunFilter(environment, host=host))
    return [_run(one, host) for one in found]


def _run(one: Mapping[str, Any], host: str) -> dict[str, Any]:
    fences = one.get("fences")
    about = one["hosts"].get(host) or {}
    return {
        "id": one["id"],
        "at": one["ordered_at"],
        "command": one["command"],
        "app": one["app"],
        "version": one["version"],
        "what": f"{one['app']}@{one['version']}" if one["version"] else one["app"] or "",
        "result": about.get("status") or result_of(one),
        "ended": result_of(one),
        "user": one["user"],
        "fence": fences.get(host) if isinstance(fences, dict) else None,
    }


def _app(app: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What the history says that the host has of an app."""
    those = [run for run in runs if run["app"] == app and run["command"] in ("deploy", "rollback")]
    good = next((one for one in those if one["ended"] == "ok"), None)
    failed = those[0] if those and those[0] is not good else None
    return {"app": app, "release": good, "attempt": failed}


def _facts(above: str, value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, member in value.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(member, dict) and member:
            yield from _facts(name, member)
        else:
            yield {"name": name, "value": text_of(member)[:300]}


def _shown(look: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The host's answer without what stands in tables; a lease's times are told as of when the page is made."""
    answer = look.get("answer")
    if not answer:
        return dict(look)
    if not answer.get("said"):
        return {**look, "answer": {**answer, "said": None}}
    said = {key: value for key, value in answer["said"].items() if key not in ("facts", "drift")}
    said["apps"] = {app: _counted(one, answer["said_at"]) for app, one in said["apps"].items()}
    lease = said.get("lease")
    if lease:
        passed = now - answer["said_at"]
        said["lease"] = {name: lease[name] for name in ("run", "owner", "reason", "fence")}
        said["lease"] |= {"since": answer["said_at"] - lease["age_s"], "expires_in_s": lease["expires_in_s"] - passed}
    return {**look, "answer": {**answer, "said": said}}


def _counted(app: Mapping[str, Any], at: float) -> dict[str, Any]:
    """An app's release; `reverts_at` is when the host rolls it back by itself."""
    left = app.get("reverts_in_s")
    return {**app, "reverts_at": None if left is None else at + left}


def _look(ask: Ask, host: Host) -> dict[str, Any]:
    """What the host itself says, where this machine has the key that only looks; else that it isn't asked."""
    environment = ask.path["environment"]
    key = path_of(ask.sources.project, environment)
    if not key.is_file():
        how = f"cdconf schedule install {environment} --run drift --look-only -- --applied"
        return {"asked": False, "why": "this machine has no look-only key of the environment", "command": how}
    looks: Looks = ask.sources.looks
    return looks.of(environment, host, key)
