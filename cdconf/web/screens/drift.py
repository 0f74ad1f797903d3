"""What the last look for drift found, environment by environment, and what is accepted until when."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.history.finding import events_of
from cdconf.history.rows import RunFilter
from cdconf.inventory.waivers import load_waivers
from cdconf.schedules import runs as scheduled
from cdconf.schedules.schedule import load, names
from cdconf.schedules.standing import standing
from cdconf.web.page import Ask, Page
from cdconf.web.reading.sources import attempt
from cdconf.web.tabling import Column, table
from cdconf.web.words import result_of

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

COLUMNS = (
    Column("environment", "environment"),
    Column("host", "host", "host"),
    Column("state", "state", "state"),
    Column("cause", "cause"),
    Column("what", "resource"),
    Column("first_seen", "first seen", "time"),
    Column("source", "declared in", "code"),
    Column("message", "difference", "long"),
)
_WAIVERS = (
    Column("environment", "environment"),
    Column("host", "host"),
    Column("what", "resource"),
    Column("state", "state", "state"),
    Column("until", "last day"),
    Column("by", "by"),
    Column("reason", "reason", "long"),
    Column("source", "written in", "code"),
)
FOUND = ("would_change", "unknown", "orphaned", "failed")
_CAUSES = {"by_hand": "by hand", "not_applied": "not applied", "both": "both", "unknown": "unknown"}
SOON = 7 * 86400.0


def show(ask: Ask) -> Page:
    """Drift and waivers."""
    sources = ask.sources
    looked, problem = attempt(lambda: sources.kept.get("drift", lambda: _looks(sources)), [])
    rows = [row for one in looked for row in one["rows"]]
    waivers: list[dict[str, Any]] = []
    problems = [problem] if problem else []
    for name in sources.project.environments():
        found, why = attempt(partial(_waivers, sources, name, ask.now), [])
        waivers += found
        problems += [why] if why else []
    schedules, why = attempt(lambda: _schedules(sources, ask.now), [])
    problems += [why] if why else []
    data = {
        "looks": [{name: value for name, value in one.items() if name != "rows"} for one in looked],
        "schedules": schedules,
    }
    nothing = "The last looks found no difference." if looked else "No look has ended yet, so nothing is known."
    tables = {
        "findings": table("", COLUMNS, rows, ask.params, nothing),
        "waivers": table("waivers", _WAIVERS, waivers, ask.params, "Nothing is waived."),
    }
    return Page("Drift", "drift.html", "drift", data, tables, tuple(problems))


def _looks(sources: Sources) -> list[dict[str, Any]]:
    return [found for name in sources.known_environments() if (found := findings(sources, name))]


def findings(sources: Sources, environment: str) -> dict[str, Any]:
    """The last look at an environment: `at`, `run`, `state`, `rows`; nothing where nobody has looked."""
    found = sources.history.runs(limit=1, wanted=RunFilter(environment, commands=("drift",)))
    if not found:
        return {}
    run = found[0]
    told = events_of(sources.history, run["id"])
    rows = [row_of(environment, one) for one in told if one["event"] == "resource" and one.get("status") in FOUND]
    counts = {"hosts": len(run["hosts"]), "findings": len(rows)}
    about = {"environment": environment, "run": run["id"], "at": run["ordered_at"], "state": result_of(run)}
    silent = sorted(name for name, one in run["hosts"].items() if one.get("status") == "unreachable")
    return {**about, **counts, "error": run["error"], "silent": silent[:50], "rows": rows}


def row_of(environment: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """An event about a resource, as a row."""
    waived = one.get("waived")
    return {
        "environment": environment,
        "host": str(one.get("host") or ""),
        "name": str(one.get("host") or ""),
        "state": "waived" if waived else str(one.get("status")),
        "cause": _CAUSES.get(str(one.get("cause")), ""),
        "what": f"{one.get('type')} {one.get('title')}",
        "first_seen": one.get("first_seen"),
        "source": one.get("source"),
        "message": str(waived or one.get("message") or _fields(one))[:300],
    }


def _fields(one: Mapping[str, Any]) -> str:
    """The names of what differs; values may be secrets that only the host can tell."""
    fields = one.get("fields")
    named = [str(name) for names in fields.values() for name in names] if isinstance(fields, dict) else []
    return f"differs in {', '.join(dict.fromkeys(named))}" if named else ""


def _waivers(sources: Sources, environment: str, now: float) -> list[dict[str, Any]]:
    found = []
    for waiver in load_waivers(sources.project, environment):
        state = "ended" if not waiver.holds(now) else "expires soon" if waiver.ends - now < SOON else "valid"
        about = {
            "environment": environment,
            "host": waiver.host,
            "what": f"{waiver.type} {waiver.title}",
            "state": state,
        }
        found.append(
            {
                **about,
                "until": waiver.until.isoformat(),
                "by": waiver.by,
                "reason": waiver.reason,
                "source": waiver.source,
            }
        )
    return found


def _schedules(sources: Sources, now: float) -> list[dict[str, Any]]:
    """Whether looks still come: silence is told, too."""
    found = []
    for name in names(sources.project):
        schedule = load(sources.project, name)
        if schedule is None:
            continue
        stands = standing(schedule, scheduled.read(sources.project.data, name), now, None)
        last = stands.last.began_at if stands.last else None
        about = {"name": name.text, "every": schedule.period.text, "last": last, "problem": stands.problem}
        found.append({**about, "state": "silent" if stands.problem else "ok"})
    return found
