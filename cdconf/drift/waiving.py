"""Marks findings that a waiver covers while they're told, and knows afterwards what is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.agent.converge.handlers import NOTIFIED
from cdconf.drift.findings import identity_of
from cdconf.drift.waivers import Waivers
from cdconf.errors import DIFFERENT, OK
from cdconf.events import Emit, Event, HostDone, NotAttempted, Notice, ResourceDone
from cdconf.inventory.waivers import hosts_of, load_waivers

if TYPE_CHECKING:
    from cdconf.drift.waivers import Judged
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.waivers import Waiver

FOUND = ("would_change", "orphaned", "unknown")  # of these statuses are findings that can be waived
AFTER_WAIVED = "nothing but what is waived asks for it"


def waivers_of(project: Project, environment: Environment) -> Waivers:
    """The environment's waivers, by the hosts that they name.

    Raises:
        InvalidFile: waivers.yml breaks a rule.
    """
    waivers = load_waivers(project, environment.name)
    patterns = dict.fromkeys(waiver.host for waiver in waivers)
    return Waivers(waivers, {pattern: hosts_of(project, environment, pattern) for pattern in patterns})


class Waiving:
    """An `Emit` before another one. Safe for threads.

    Args:
        waivers: The environment's.
        emit: Gets the events, those of findings that are waived with the reason.
        now: Tells the time that counts, in seconds since 1970; asked when the first finding is told.
        whole: Whether all resources of the hosts are looked at; else nothing is said of waivers that nothing needs.
    """

    def __init__(self, waivers: Waivers, emit: Emit, now: Callable[[], float], *, whole: bool = True) -> None:
        self._waivers = waivers
        self._emit = emit
        self._now = now
        self._whole = whole
        self._at: float | None = None
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str, str], Waiver] = {}
        self._told: dict[tuple[str, str, str], tuple[str, Waiver]] = {}
        self._left: set[str] = set()
        self._changed: set[str] = set()
        self._looked: set[str] = set()
        self._partly: set[str] = set()
        self._last_waived: dict[str, Waiver] = {}
        self.counted = 0

    @property
    def at(self) -> float:
        """The time at which this run judges waivers, in seconds since 1970."""
        if self._at is None:
            self._at = self._now()
        return self._at

    @property
    def has_findings(self) -> bool:
        """Whether anything was found that isn't waived."""
        return bool(self._left)

    def waived_on(self, host: str) -> list[tuple[str, str]]:
        """(type, title) of all that is waived on a host, whether or not it differs."""
        return self._waivers.titles(host, self.at)

    def __call__(self, event: Event) -> None:
        """Passes an event on."""
        with self._lock:
            if isinstance(event, ResourceDone):
                event = self._resource(event)
            elif isinstance(event, NotAttempted):
                self._partly.add(event.host)
            elif isinstance(event, HostDone):
                event = self._done(event)
        self._emit(event)

    def _done(self, event: HostDone) -> HostDone:
        if event.status in ("ok", "changed"):
            self._looked.add(event.host)
        else:
            self._partly.add(event.host)
        waived = event.host in self._last_waived and not {event.host} & (self._left | self._changed)
        return replace(event, status="ok") if event.status == "changed" and waived else event

    def _resource(self, event: ResourceDone) -> ResourceDone:
        if event.status == "changed":
            self._changed.add(event.host)
        if event.status == "failed":
            self._partly.add(event.host)
        if event.status not in FOUND:
            return event
        if event.type == "handler" and (event.message or "").startswith(NOTIFIED):
            return self._after(event)
        kind, title = identity_of(event)
        found = self._waivers.judge(event.host, kind, title, self.at, is_unknown=event.status == "unknown")
        if found.waived is None:
            self._left.add(event.host)
            self._note(event, found)
            return event
        self._used[found.waived.names] = self._last_waived[event.host] = found.waived
        return self._waived(event, found.waived, found.waived.reason)

    def _after(self, event: ResourceDone) -> ResourceDone:
        """A handler that changes would notify is no finding of its own; it's waived when all of these changes are."""
        waiver = self._last_waived.get(event.host)
        if waiver is None or event.host in self._left:
            return event
        return self._waived(event, waiver, AFTER_WAIVED)

    def _waived(self, event: ResourceDone, waiver: Waiver, reason: str) -> ResourceDone:
        self.counted += 1
        return replace(event, waived=reason, waived_until=waiver.until.isoformat())

    def _note(self, event: ResourceDone, found: Judged) -> None:
        """Of a finding that a waiver would cover if it hadn't ended, or said more."""
        waiver = found.ended or found.unsure
        if waiver is None:
            return
        self._used[waiver.names] = waiver
        text = f"its waiver ended on {waiver.until}" if found.ended else "its waiver doesn't cover what's unknown"
        self._told[event.host, *identity_of(event)] = (text, waiver)

    def exit_code(self, code: int) -> int:
        """The run's exit code, given what it is without waivers: findings that are all waived aren't differences."""
        return OK if code == DIFFERENT and not self._left else code

    @property
    def unused(self) -> list[Waiver]:
        """The waivers that nothing needs any more, as far as this run can tell."""
        if not self._whole:
            return []
        return self._waivers.unused(self._used.keys(), self._looked - self._partly)

    def tell(self) -> dict[str, Any]:
        """Says which waivers have ended, don't cover a finding, or aren't needed; returns that for the JSON document.

        Returns:
            `{"waived": n, "expired": […], "unsure": […], "unused": […]}`; each entry says which waiver it is.
        """
        expired: list[dict[str, Any]] = []
        unsure: list[dict[str, Any]] = []
        for (host, kind, title), (text, waiver) in self._told.items():
            entry = _about(waiver) | {"host": host}
            (unsure if waiver.holds(self.at) else expired).append(entry)
            hint = "" if not waiver.holds(self.at) else "; `unknown: true` in it does"
            self._emit(Notice(f"{host}: {kind} {title}: {text}{hint} ({_why(waiver)})", warning=True))
        for one in self.unused:
            what = f"the waiver of {one.type} {one.title} on '{one.host}'"
            state = "isn't needed" if one.holds(self.at) else f"ended on {one.until}, and isn't needed"
            self._emit(Notice(f"{what} {state} any more: remove it ({_why(one)})"))
        unused = [_about(one) for one in self.unused]
        return {"waived": self.counted, "expired": expired, "unsure": unsure, "unused": unused}


def _about(waiver: Waiver) -> dict[str, Any]:
    fields = {name: getattr(waiver, name) for name in ("host", "type", "title", "reason", "source")}
    return fields | {"until": waiver.until.isoformat()}


def _why(waiver: Waiver) -> str:
    by = f"by {waiver.by}: " if waiver.by else ""
    return f"{waiver.source}; {by}{waiver.reason}"
