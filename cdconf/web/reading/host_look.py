"""What a host says of itself to the look-only key: its lease, facts, releases, and whether it is as it was applied."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.drift.applied import HostLook
from cdconf.drift.waiving import Waiving, waivers_of
from cdconf.errors import CdconfError
from cdconf.events import ResourceDone
from cdconf.history.event_told import told_of
from cdconf.web.reading.project import elsewhere

if TYPE_CHECKING:
    from cdconf.events import Event
    from cdconf.inventory import Environment, Host, Project
    from cdconf.session import Session
    from cdconf.web.reading.sources import Sources

DRIFT_AFTER = 300.0  # seconds: comparing all resources takes a host more time than saying what it knows
_MOST = 2000  # resources of a host
Answer = dict[str, Any]


def asking(sources: Sources, folder: Path) -> Callable[[str, Host, Path, Answer], Answer]:
    """Asks a host's look-only agent over SSH.

    Args:
        sources: The project and its environments.
        folder: The dashboard's own directory, which gets what the project's `.cdconf/` would.
    """

    def ask(name: str, host: Host, key: Path, before: Answer) -> Answer:
        from cdconf.environments import provider_for
        from cdconf.session import Connector

        project, environment = elsewhere(sources.project, folder), sources.environment(name)
        located = provider_for(sources.project, environment).locate([host]).get(host.name)
        if located is None:
            raise CdconfError(f"{host.name} doesn't exist", hint=f"`cdconf provision {name}` creates it")
        session = Connector(project, environment, sources.emit, look_key=key).connect(located, lambda text: None)
        try:
            found = said(project, session)
            old = before.get("drift")
            is_old = old is None or time.time() - old["at"] > DRIFT_AFTER
            return found | {"drift": drift_of(project, environment, session) if is_old else old}
        finally:
            session.close()

    return ask


def said(project: Project, session: Session) -> Answer:
    """What a host knows of itself."""
    apps = {one.name: session.app_status(one.document()) for one in project.apps_on(session.host)}
    return {
        "apps": {app: _release(page) for app, page in apps.items()},
        "lease": session.lease,
        "left": session.left,
        "identity": session.identity,
        "clock_ahead_s": session.clock_ahead,
        "facts": session.facts.all(),
    }


def drift_of(project: Project, environment: Environment, session: Session) -> Answer:
    """Compares a host with what it remembers; it changes nothing, and reads no role and no secret.

    Returns:
        `{"at", "failed", "applied", "events"}`: `events` as the history writes them down, unchanged resources too.
    """
    events: list[dict[str, Any]] = []

    def keep(event: Event) -> None:
        if isinstance(event, ResourceDone) and len(events) < _MOST:
            unchanged = {"event": "resource", "host": event.host, "type": event.type, "title": event.title}
            events.append(told_of(event) or {**unchanged, "status": event.status, "source": event.source})

    at = time.time()
    look = HostLook(project, environment.name, Waiving(waivers_of(project, environment), keep, lambda: at))
    result = look.resources(session)
    look.releases(session)
    return {"at": at, "failed": result["failed"], "applied": result.get("applied"), "events": events}


def _release(page: Any) -> Answer:
    names = ("linked", "problem", "reverts_in_s")
    about = {name: page.get(name) for name in names}
    activating = page.get("activating") or {}
    pinned = [one.get("version") for one in (page.get("pinned") or {}).values()]
    verified = bool(page.get("linked")) and page["verified"][-1:] == [page["linked"]]
    return about | {"verified": verified, "pinned": [one for one in pinned if one], "activating": activating.get("to")}
