"""One run as a record of the journal, made of the events that hosts remember of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median_low
from typing import Any

from cdconf.clocks import TOLERANCE
from cdconf.history.journal import placed

_LONGEST = 30 * 86400.0  # seconds: a number that's further off doesn't come from a clock
Event = dict[str, Any]  # of `cdconf.agent.records.events`, with `host` and `app`
_COMMANDS = {"deploy": "deploy", "rollback": "rollback", "resume": "deploy", "provision": "provision"}
_STATUS = {
    "staged": "not_attempted",
    "activated": "interrupted",
    "verified": "changed",
    "rolled_back": "rolled_back",
    "reverted": "rolled_back",
}


def record_of(identifier: str, environment: str, events: Sequence[Event], built: Mapping[str, str]) -> dict[str, Any]:
    """The record; what no host remembers, such as the commit of the project, is None.

    Args:
        identifier: Its id.
        environment: Whose hosts these are.
        events: The run's, the oldest first; one at least.
        built: Archive's digest -> how its statement says that it came to be.
    """
    run = next((event["run"] for event in events if event.get("run")), None)
    app = next((event["app"] for event in events if event["app"]), None)
    began = _began(run, events)
    user, _, controller = next((event["owner"] for event in events if "@" in event.get("owner", "")), "").partition("@")
    hosts = _hosts(events)
    archive = _last(events, "archive")
    fences = _fences(events)
    difference = _difference(began, fences)
    return {
        "id": identifier,
        "run": run,
        "source": "hosts",
        "command": _command(events, app),
        "environment": environment,
        "app": app,
        "version": _last(events, "version"),
        "artifact": archive,
        "commit": None,
        "user": user or None,
        "controller": controller.partition(" ")[0] or None,
        "started_at": began,
        "duration_s": round(max(0.0, events[-1]["at"] - began - difference), 3),
        "exit_code": _exit_code({str(host["status"]) for host in hosts.values()}, events),
        "detail": _why(events, "unpinned") or built.get(archive or ""),
        "error": _why(events, "pinned") or _why(events, "rolled_back") or _alone(events),
        "hosts": hosts,
        "events": list(events),
        **placed(fences, difference),
    }


def _fences(events: Sequence[Event]) -> dict[str, int]:
    """Host -> the run's fencing number there, where the host remembers it."""
    fences: dict[str, int] = {}
    for event in events:
        fence = event.get("fence")
        if isinstance(fence, int):
            fences[event["host"]] = max(fence, fences.get(event["host"], 0))
    return fences


def _difference(began: float, fences: Mapping[str, int]) -> float:
    """By how many seconds the hosts' clocks are ahead of the controller's, which gave the run its id.

    A fencing number is the host's time in milliseconds, or a little more; a run takes a while until it has one.
    """
    if not fences:
        return 0.0
    seconds = median_low(fences.values()) / 1000 - began
    return round(seconds, 1) if TOLERANCE < abs(seconds) < _LONGEST else 0.0


def _began(run: str | None, events: Sequence[Event]) -> float:
    """The run's id begins with when it did, in milliseconds, by the controller's clock."""
    if run is not None:
        try:
            return int(run.partition("-")[0], 16) / 1000
        except ValueError:
            pass
    return float(events[0]["at"])


def _command(events: Sequence[Event], app: str | None) -> str:
    reasons = (event.get("reason", "").partition(" ")[0] for event in events)
    known = next((_COMMANDS[word] for word in reasons if word in _COMMANDS), None)
    return known or ("deploy" if app else "provision")


def _last(events: Sequence[Event], field: str) -> str | None:
    """What the newest event says; where a run went back to isn't what it was about."""
    return next((event[field] for event in reversed(events) if event.get(field)), None)


def _why(events: Sequence[Event], event: str) -> str | None:
    return next((one["why"] for one in events if one["event"] == event and one.get("why")), None)


def _alone(events: Sequence[Event]) -> str | None:
    back = [event["host"] for event in events if event["event"] == "reverted"]
    problem = _why(events, "reverted")
    return f"{', '.join(back)} went back by itself{f', which failed: {problem}' if problem else ''}" if back else None


def _hosts(events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    hosts: dict[str, dict[str, Any]] = {}
    for event in events:
        host = hosts.setdefault(event["host"], {"status": "not_attempted", "ok": 0, "changed": 0, "failed": 0})
        if event["event"] == "provisioned":
            counts = event["counts"]
            host.update({name: counts.get(name, 0) for name in ("ok", "changed", "failed")})
            host["status"] = "failed" if event["failed"] else "changed" if counts.get("changed") else "ok"
        else:
            host["status"] = _STATUS.get(event["event"], host["status"])
            host["changed"] = int(host["status"] == "changed")
    return hosts


def _exit_code(statuses: set[str], events: Sequence[Event]) -> int | None:
    """None when hosts don't tell how it ended: it was interrupted, or not all heard of its end."""
    if any(event["event"] == "pinned" for event in events) or statuses & {"failed", "rolled_back"}:
        return None if "changed" in statuses and "rolled_back" in statuses else 1
    return 0 if statuses <= {"changed", "ok"} else None
