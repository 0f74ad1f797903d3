"""Compares each app's running release with the host's own ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cdconf.errors import DIFFERENT, OK
from cdconf.events import Emit, ResourceDone, ResourceStatus

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import Host, Project
    from cdconf.session import Session


def check_releases(project: Project, fleet: Fleet, hosts: Sequence[Host], emit: Emit) -> list[int]:
    """Reports a `release` for every app on every connected host; returns exit codes.

    A release has drifted when `current` doesn't point to the verified one, or its services don't run from it.
    """
    codes = [OK]
    for app in project.apps.values():
        members = [host for host in hosts if set(host.groups) & set(app.groups)]
        document = {"name": app.name, "path": app.path, "services": list(app.services)}

        def look(session: Session, document: dict[str, Any] = document) -> dict[str, Any]:
            page: dict[str, Any] = session.call("app.status", app=document)
            return page

        outcome = fleet.each(members, look)
        for name, page in outcome.results.items():
            problem = drifted(page)
            status: ResourceStatus = "would_change" if problem else "ok"
            emit(
                ResourceDone(
                    name, "release", app.name, status, f"{app.file}:{app.line}", problem, None, by_hand=bool(problem)
                )
            )
            codes.append(DIFFERENT if problem else OK)
        codes += [error.exit_code for error in outcome.errors.values()]
    return codes


def drifted(page: dict[str, Any]) -> str | None:
    """What's wrong with an app on a host, from its ledger page; None when all is well."""
    if page["activating"] is not None:
        return f"an interrupted deployment of {page['activating']['to']}\n"
    wanted = page["verified"][-1] if page["verified"] else None
    if page["linked"] != wanted:
        return f"current: {wanted or '(none)'} -> {page['linked'] or '(none)'}\n"
    return f"{page['problem']}\n" if wanted and page["problem"] else None
