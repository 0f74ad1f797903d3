"""How long calls may take, and how much may come of them: what a host sends or keeps back ends at one of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

SILENCE = 25.0  # seconds without a single frame
LOOK = 60.0  # of a call that looks at something, and on top of all others
GOODBYE = 10.0  # of the last call
STOPPED = 1.2  # after Ctrl-C, of a command that is only watched
SLOWEST = 20_000.0  # bytes a second of a frame that has begun
KEPT = 24 * 1024 * 1024  # bytes of memory that a session's answers and events may have taken, by estimation
TEXTS = 12 * 1024 * 1024  # the same, of events: diffs and messages that come after are left out
LEFT_OUT = "(left out: this host has told too much already)"

_COMMAND = 600.0  # what an agent gives most of its commands
_RESOURCE = 3600.0  # of one resource: several commands
_LONGER: Mapping[str, float] = MappingProxyType(
    {"package": 10_800.0, "repository": 7_200.0, "container": 10_800.0, "mount": 3_600.0}
)
_APPLIED = 1800.0  # looking at all that was ever applied to a host
_STAGE = 3_600.0  # hashing what was staged, on a slow disk
_SERVICES = 900.0  # restarting an app's services


@dataclass(frozen=True)
class Limit:
    """Of one call.

    Attributes:
        total: Seconds until the answer; None: it's watched until somebody ends it.
        between: Seconds between two of its events; beats' echoes aren't any. None: only the total counts.
        passes: What it sends is handed on rather than kept, so that only each frame's size is bounded.
        watched: It ends soon after a stop, whatever the host does.
    """

    total: float | None
    between: float | None = None
    passes: bool = False
    watched: bool = False


def limit_of(name: str, arguments: Mapping[str, Any]) -> Limit:  # noqa: PLR0911  a table of calls
    """The limit of a call with these arguments."""
    if name in ("converge", "mend", "plan", "drift.look"):
        is_look = name in ("plan", "drift.look") or bool(arguments.get("check"))
        return _catalog(arguments["catalog"], is_look=is_look)
    if name == "portray":
        return Limit(_catalog(arguments["catalog"], is_look=True).total)
    if name in ("run", "stream"):
        within = arguments.get("timeout", None if name == "stream" else _COMMAND)
        total = None if within is None or arguments.get("endless") else within + LOOK
        return Limit(total, passes=True, watched=name == "stream")
    if name in ("app.prepare", "app.stage"):
        return Limit(_STAGE + LOOK)
    if name in _WITHIN:
        several = arguments["app"].get("packages", ()) if name == "app.install" else (arguments,)
        return Limit(sum(float(one["within"]) + LOOK for one in several) + LOOK)
    if name in ("maintenance.on", "maintenance.off"):
        return Limit(float(arguments.get("page", {}).get("timeout", _COMMAND)) + LOOK)
    if name in ("drain.begin", "drain.end"):
        drain = arguments["drain"]
        several = len(arguments.get("hosts") or arguments.get("names") or ()) or 100
        return Limit(several * float(drain["timeout"]) + LOOK)
    if name.startswith(("app.", "toggles.")) and name not in _LOOKS:
        app = arguments.get("app", {})
        hooks = sum(float(one["within"]) for one in app.get("hooks", {}).values())
        return Limit(_SERVICES * (1 + len(app.get("services", ()))) + hooks + LOOK)
    return _OTHERS.get(name, Limit(LOOK))


_OTHERS: Mapping[str, Limit] = MappingProxyType(
    {
        "lease.give_back": Limit(GOODBYE),
        "drift.applied": Limit(_APPLIED + LOOK, 5 * LOOK),  # the host alone knows how many resources it compares
    }
)
_WITHIN = frozenset({"app.check_health", "app.install", "migrations.run"})
_LOOKS = frozenset({"app.status", "app.preflight", "app.holds", "app.pin", "app.unpin", "toggles.look"})


def _catalog(catalog: Mapping[str, Any], *, is_look: bool) -> Limit:
    """Of a whole catalog, and between two of its resources; contiguous ones of a type may be done together."""
    entries = [*catalog.get("resources", ()), *catalog.get("handlers", {}).values()]
    times = [_look(entry) if is_look else _resource(entry) for entry in entries]
    return Limit(sum(times) + LOOK, max(times, default=0.0) + LOOK)


def _look(entry: Mapping[str, Any]) -> float:
    """Guards are commands of a project's own, and run in check mode too."""
    return 30.0 + sum(_seconds(entry))


def _resource(entry: Mapping[str, Any]) -> float:
    return _LONGER.get(str(entry.get("type")), _RESOURCE) + 2 * sum(_seconds(entry))


def _seconds(entry: Mapping[str, Any]) -> Iterable[float]:
    fields = entry.get("fields") or {}
    for name in ("timeout", "within"):
        value = fields.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield float(value)
