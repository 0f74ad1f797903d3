"""One run, replayed; of a deployment also its hosts and steps, live while it goes on, and why it went back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.errors import UsageError
from cdconf.history.finding import events_of, run_named
from cdconf.history.run_events import read_events
from cdconf.web.page import Ask, NotThere, Page
from cdconf.web.tabling import Column, table
from cdconf.web.words import result_of

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

_EVENTS = (
    Column("at", "at", "time", sorts=False),
    Column("state", "state", "state"),
    Column("host", "host"),
    Column("text", "what", "long", sorts=False),
)
_HOSTS = (Column("name", "host", "host"), Column("status", "state", "state"), Column("doing", "last said", "long"))
_ABOUT = (
    *("id", "run", "artifact", "commit", "procedure", "built_from", "stage", "override", "statement", "checkout"),
    *("controller", "detail"),
)
_SILENT = ("began", "about", "leased", "host_leased", "started")
_DEPLOYING = ("deploy", "rollback")
_NAMED = 20  # hosts in a sentence


def show(ask: Ask) -> Page:
    """One run.

    Raises:
        NotThere: There's no such run.
    """
    sources = ask.sources
    found, told = _found(sources, ask.path["run"])
    entries = list(_entries(told))
    hosts = _hosts(found, told)
    data: dict[str, Any] = {
        "run": {name: found.get(name) for name in _ABOUT if found.get(name)},
        "command": found["command"],
        "environment": found["environment"],
        "app": found["app"],
        "version": found["version"],
        "user": found["user"],
        "started_at": found.get("ordered_at") or found["started_at"],
        "duration_s": found["duration_s"],
        "result": result_of(found),
        "error": found["error"],
        "is_deployment": found["command"] in _DEPLOYING,
        "is_live": found["source"] == "running",
        "said_at": found.get("said_at"),
        "committed_at": found.get("committed_at"),
        "why": list(_why(found, told)),
        "switch": _switch(sources, found),
        "steps": [entry for entry in entries if entry["kind"] == "step"],
        "fences": found.get("fences") or {},
    }
    tables = {
        "hosts": table("hosts", _HOSTS, hosts, ask.params, "No host had a part in it.", 100),
        "events": table("", _EVENTS, entries, ask.params, "Nothing is known here of what it told.", 100),
    }
    title = " ".join(one for one in (found["command"], _release(found)) if one)
    return Page(title, "run.html", "runs", data, tables)


def _found(sources: Sources, word: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run that an address names, and what it told."""
    for one in sources.unfinished():
        if one["id"] == word:
            return one, read_events(sources.project.data, word)
    try:
        found = run_named(sources.history, word[:100])
    except UsageError as error:
        raise NotThere(error.message, hint=error.hint) from error
    return found, events_of(sources.history, found["id"])


def _release(found: Mapping[str, Any]) -> str:
    release = f"{found['app']}@{found['version']}" if found["app"] and found["version"] else found["app"] or ""
    return f"{release} to {found['environment']}" if release and found["environment"] else found["environment"] or ""


def _entries(told: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in told:
        entry = _entry(one)
        if entry is not None:
            yield {"at": one.get("at"), **entry}


def _entry(one: Mapping[str, Any]) -> dict[str, Any] | None:
    kind, message = str(one["event"]), str(one.get("message") or "")
    host = str(one.get("host") or "")
    if kind in _SILENT:
        return None
    if kind == "committed":
        message = f"kept on all hosts: {one.get('release')}"
    elif kind == "left_out":
        message = f"{one.get('count')} more events weren't written down"
    named = " ".join(str(one[name]) for name in ("type", "title", "test", "what", "stage") if one.get(name))
    text = ": ".join(part for part in (named, message) if part)
    state = one.get("status") or one.get("state")
    if "passed" in one:
        state = "passed" if one["passed"] is True else "failed"
    if kind == "warning":
        state = "warning"
    return {"kind": kind, "host": host, "state": str(state or ""), "text": text}


def _hosts(found: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The hosts, each with how it stands, and what it said last."""
    said: dict[str, str] = {}
    for one in told:
        if isinstance(one.get("host"), str) and one.get("message"):
            said[one["host"]] = str(one["message"])
    fences = found.get("fences") if isinstance(found.get("fences"), dict) else {}
    is_live = found["source"] == "running"
    return [
        {
            "name": name,
            "environment": found["environment"],
            "status": "running" if is_live and one.get("status") == "interrupted" else one.get("status"),
            "doing": said.get(name, "")[:300],
            "fence": (fences or {}).get(name),
        }
        for name, one in found["hosts"].items()
    ]


def _why(found: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """In words, why it didn't end well: the first thing that failed, the error, and what became of the hosts."""
    if found.get("exit_code") == 0 or found["source"] == "running":
        return
    bad = [one for one in told if one.get("status") in ("failed", "unreachable") or one.get("passed") is False]
    for one in bad[:3]:
        entry = _entry(one)
        if entry is not None:
            yield f"{entry['host']}: {entry['text'] or entry['state']}" if entry["host"] else entry["text"]
    if found["error"]:
        yield str(found["error"])
    back = [name for name, one in found["hosts"].items() if one.get("status") == "rolled_back"]
    if back:
        more = f" and {len(back) - _NAMED} more" if len(back) > _NAMED else ""
        yield f"rolled back: {', '.join(sorted(back)[:_NAMED])}{more}"
    if found["command"] in _DEPLOYING and not found.get("committed_at"):
        yield "it never reached the point at which the release is kept on all hosts"


def _switch(sources: Sources, found: Mapping[str, Any]) -> dict[str, Any] | None:
    """When hosts go back by themselves, of a deployment whose beats come no more."""
    app = sources.project.apps.get(str(found["app"]))
    if app is None or found["command"] not in _DEPLOYING or app.confirm_within <= 0 or found.get("committed_at"):
        return None
    if found["source"] == "running":
        return {"lives": True, "within_s": app.confirm_within}
    if found["source"] != "killed":
        return None
    last = found.get("said_at") or float(found["started_at"]) + float(found["duration_s"] or 0.0)
    return {"lives": False, "within_s": app.confirm_within, "at": last + app.confirm_within}
