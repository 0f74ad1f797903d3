"""What's written down of a run's events: pure. Texts are masked already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdconf.events import (
    Committed,
    Event,
    HostDone,
    HostLeased,
    HostStep,
    Leased,
    Notice,
    OwnCodeRan,
    Printed,
    ResourceDone,
    RunStarted,
    SmokeDone,
    StageChanged,
    Step,
)

_LONGEST = 2000  # characters of a text
_HOSTS = 1000
_FIELDS = 20  # names of one finding
_SILENT = ("ok", "skipped")  # resources of which nothing is said, as in the list of changes


def told_of(event: Event) -> dict[str, Any] | None:
    """An event as data; None: nothing is written down of it."""
    form = _FORMS.get(type(event))
    return form(event) if form is not None else None


def _resource(event: ResourceDone) -> dict[str, Any] | None:
    if event.status in _SILENT:
        return None
    names = ("host", "type", "title", "status", "source", "duration_s", "cause", "first_seen", "waived", "waived_until")
    about = {name: getattr(event, name) for name in names}
    fields = {cause: list(found[:_FIELDS]) for cause, found in event.fields.items() if found}
    return _short("resource", {**about, "fields": fields or None}, message=event.message)


def _short(name: str, about: dict[str, Any], message: str | None) -> dict[str, Any]:
    text = {"message": message[:_LONGEST]} if message else {}
    return {"event": name, **{key: value for key, value in about.items() if value is not None}, **text}


def _smoke(event: SmokeDone) -> dict[str, Any]:
    about = {"host": event.host, "test": event.test, "passed": event.passed, "duration_s": event.duration_s}
    about |= {"skipped": True} if event.skipped else {}
    return _short("smoke", about, message=event.message)


def _stage(event: StageChanged) -> dict[str, Any]:
    about = {"stage": event.stage, "state": event.state, "step": event.step}
    return _short("stage", about, message=event.why)


_FORMS: dict[type, Callable[[Any], dict[str, Any] | None]] = {
    RunStarted: lambda one: {"event": "started", "hosts": list(one.hosts[:_HOSTS])},
    Step: lambda one: _short("step", {}, message=one.message),
    HostStep: lambda one: _short("host_step", {"host": one.host}, message=one.message),
    ResourceDone: _resource,
    SmokeDone: _smoke,
    HostDone: lambda one: _short("host", {"host": one.host, "status": one.status}, message=one.error),
    Notice: lambda one: _short("warning" if one.warning else "notice", {}, message=one.message),
    OwnCodeRan: lambda one: _short("own_code", {"what": one.what, "isolated": one.isolated}, message=one.why),
    StageChanged: _stage,
    Printed: lambda one: _short("printed", {}, message=one.message),
    Committed: lambda one: {"event": "committed", "release": one.release},
    Leased: lambda one: {"event": "leased", "run": one.run},
    HostLeased: lambda one: {"event": "host_leased", "host": one.host, "fence": one.fence},
}
