"""The line of a run that was killed, which it couldn't write itself: whoever looks first writes it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdconf.history import journal_file
from cdconf.history.rows import number
from cdconf.history.run_events import gone

SOURCE = "killed"
WHY = "killed"


def record_killed(data: Path) -> list[str]:
    """Writes the lines of this checkout's killed runs into the journal; returns their ids.

    A full disk, or a directory that's read-only, leaves that to the next one who looks.
    """
    found: list[str] = []
    with contextlib.suppress(OSError):
        for identifier, events in gone(data):
            journal_file.append(data, killed_record(identifier, events))
            found.append(identifier)
    return found


def killed_record(identifier: str, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What's known of a run that was killed, by the events that it told; pure.

    Args:
        identifier: Its row's id.
        events: See `run_events`; none: not even its beginning is known.
    """
    about: dict[str, Any] = {}
    for event in events:
        if event["event"] in ("began", "about"):
            about |= {name: value for name, value in event.items() if name not in ("event", "at") and value is not None}
    times = [at for event in events if (at := number(event.get("at"))) is not None]
    began = number(about.get("started_at")) or next(iter(times), None) or _time_of(identifier)
    run = next((event.get("run") for event in events if event["event"] == "leased"), None)
    fences = {
        str(event.get("host")): event["fence"]
        for event in events
        if event["event"] == "host_leased" and "fence" in event
    }
    committed = next((number(event.get("at")) for event in events if event["event"] == "committed"), None)
    command = about.get("command")
    record = {
        **about,
        "command": command if isinstance(command, str) else "unknown",
        "id": identifier,
        "run": run,
        "source": SOURCE,
        "started_at": began,
        "duration_s": round(max(0.0, (times[-1] if times else began) - began), 3),
        "exit_code": None,
        "error": f"{WHY}, {_at_last(events)}",
        "hosts": _hosts(events),
    }
    return record | ({"fences": fences} if fences else {}) | ({"committed_at": committed} if committed else {})


def _time_of(identifier: str) -> float:
    """Its id begins with when it began, in milliseconds."""
    try:
        return int(identifier.partition("-")[0], 16) / 1000
    except ValueError:
        return 0.0


def _at_last(events: Sequence[Mapping[str, Any]]) -> str:
    last = next((event for event in reversed(events) if isinstance(event.get("message"), str)), None)
    if last is None:
        return "before it had said anything"
    host = f"{last['host']}: " if isinstance(last.get("host"), str) else ""
    line = next(iter(last["message"].strip().splitlines()), "")
    return f"after it had said: {host}{line}"


def _hosts(events: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    hosts: dict[str, dict[str, Any]] = {}
    for event in events:
        names = event.get("hosts") if event["event"] == "started" else [event.get("host")]
        for name in names if isinstance(names, list) else ():
            if not isinstance(name, str):
                continue
            host = hosts.setdefault(name, {"status": "not_attempted", "ok": 0, "changed": 0, "failed": 0})
            if event["event"] == "host":
                host["status"] = str(event.get("status"))
            elif event["event"] in ("host_step", "resource", "smoke"):
                host["status"] = "interrupted"
            if event["event"] == "resource" and event.get("status") in ("changed", "failed"):
                host[event["status"]] += 1
    return hosts
