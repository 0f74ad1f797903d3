"""One host: its releases, facts, drift, lease and events, as far as the history and the last looks tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.facts import FactCache
from cdconf.history.rows import Wanted
from cdconf.schedules.look_key import path_of
from cdconf.web.page import Ask, NotThere, Page
from cdconf.web.reading.looking import Looks
from cdconf.web.reading.sources import attempt
from cdconf.web.screens.drift import COLUMNS as FINDINGS
from cdconf.web.screens.drift import findings
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
    runs, problem = attempt(lambda: _runs(sources, name, wanted), [])
    seen = FactCache(sources.project.data, name).load(wanted)
    found, drift_problem = attempt(lambda: findings(sources, name), {})
    own = [one for one in found.get("rows", []) if one["host"] == wanted]
    nothing = "The last look found no difference here." if found else "Nobody has looked at this environment for drift."
    data: dict[str, Any] = {
        "environment": name,
        "host": _about(host),
        "apps": [_app(app.name, runs) for app in sources.project.apps_on(host)],
        "roles": _roles(sources, host),
        "facts_age_s": seen.age,
        "last": runs[0] if runs else None,
        "looked_at": found.get("at"),
        "look": _look(ask, host),
        "commands": [f"cdconf status {name} --limit {wanted}", f"cdconf drift {name} --limit {wanted}"],
    }
    tables = {
        "findings": table("findings", FINDINGS, own, ask.params, nothing),
        "runs": table("", _RUNS, runs, ask.params, "The history has no run with this host."),
        "facts": table("facts", _FACTS, list(_facts("", seen.facts)), ask.params, "Its facts were never seen.", 40),
    }
    problems = tuple(one for one in (problem, drift_problem) if one)
    return Page(wanted, "host.html", "hosts", data, tables, problems)


def _about(host: Host) -> dict[str, Any]:
    about = {"name": host.name, "groups": list(host.groups), "address": host.ssh.address or host.address, "os": host.os}
    return about | {"transport": host.transport, "source": f"{host.file}:{host.line}" if host.file else None}


def _roles(sources: Sources, host: Host) -> list[str]:
    return list(dict.fromkeys(role for group in host.groups for role in sources.project.groups.get(group, ())))


def _runs(sources: Sources, environment: str, host: str) -> list[dict[str, Any]]:
    found = sources.history.runs(limit=_SHOWN, wanted=Wanted(environment, host=host))
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
    those = [one for one in runs if one["app"] == app and one["command"] in ("deploy", "rollback")]
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


def _look(ask: Ask, host: Host) -> dict[str, Any]:
    """What the host itself says, where this machine has the key that only looks; else that it isn't asked."""
    environment = ask.path["environment"]
    key = path_of(ask.sources.project, environment)
    if not key.is_file():
        how = f"cdconf schedule install {environment} --run drift --look-only -- --applied"
        return {"asked": False, "why": "this machine has no look-only key of the environment", "command": how}
    looks: Looks = ask.sources.looks
    return looks.of(environment, host, key)
