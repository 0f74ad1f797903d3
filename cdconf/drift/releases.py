"""Compares each app's running release with the host's own ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.events import Cause, Emit, ResourceDone, ResourceStatus

if TYPE_CHECKING:
    from cdconf.drift.noting import Noting
    from cdconf.inventory import App, Project
    from cdconf.session import Session


def check_releases(project: Project, environment: str, session: Session, emit: Emit, noting: Noting) -> bool:
    """Reports a `release` for every app on a host; returns whether one has drifted.

    A release has drifted when `current` doesn't point to the verified one, its services don't run from it, or its
    files aren't those that were deployed.

    Args:
        project: The project.
        environment: The environment's name.
        session: The host.
        emit: The event stream.
        noting: Has hosts remember since when.

    Raises:
        CdconfError: The host can't be asked.
    """
    is_drifted = False
    for app in project.apps_on(session.host):
        page = session.app_status(_document(app))
        found = drifted(page, session.lease)
        by_hand = found != _of_services(page)  # services fail by themselves
        if page["linked"] and (not found or found == _of_services(page)):
            changed = changed_files(session, app)  # a service that's down hides none
            by_hand = by_hand or bool(changed) or not found
            found = f"{found or ''}{changed}" or None
        status: ResourceStatus = "would_change" if found else "ok"
        cause: Cause = "not_applied" if page["activating"] is not None else "by_hand"
        done = ResourceDone(
            *(session.host.name, "release", app.name, status, f"{app.file}:{app.line}", found, None),
            by_hand=bool(found) and by_hand,
            repair=repaired_by(page, session.lease, app.name, environment) if found else None,
            cause=cause if found else None,
        )
        emit(noting.since(session, done))
        is_drifted = is_drifted or bool(found)
    return is_drifted


def _document(app: App) -> dict[str, Any]:
    return app.known


def changed_files(session: Session, app: App) -> str:
    """Which files of the app's current release on a host aren't as deployed, `changed: path` a line; "" for none."""
    found = session.app_changes(_document(app))
    lines = [f"{what}: {path}\n" for what, path in found["files"]]
    more = found["count"] - len(lines)
    return "".join(lines) + (f"and {more} more\n" if more > 0 else "")


def runs_of(lease: Mapping[str, Any] | None) -> set[str]:
    """The runs that are at work on a host: who holds its lease, and who works within it; not those that were killed."""
    if not lease:
        return set()
    return {lease["run"], *(one["run"] for one in lease.get("inner", ()))} - set(lease.get("dead", ()))


def under_way(page: Mapping[str, Any], lease: Mapping[str, Any] | None) -> bool:
    """Whether the run that activates a release on a host still holds it; else it was interrupted."""
    activating = page["activating"]
    if activating is None or lease is None:
        return False
    return activating["run"] in runs_of(lease)


def activation_of(page: Mapping[str, Any]) -> str:
    """What activates a release on a host, or was at it when it was interrupted: `deployment` or `rollback`."""
    run = page["activating"]["run"] if page["activating"] else None
    return kind_of(page, run)


def kind_of(page: Mapping[str, Any], run: str | None) -> str:
    """`rollback`, or `deployment` for any other run, by what a host remembers of it."""
    about = (page.get("recent") or {}).get(run) or {}
    return "rollback" if str(about.get("reason")).startswith("rollback ") else "deployment"


def drifted(page: Mapping[str, Any], lease: Mapping[str, Any] | None) -> str | None:
    """What's wrong with an app on a host, from its ledger page and the host's lease; None when all is well."""
    if page["activating"] is not None:
        what = activation_of(page)
        kind = f"a {what} that is under way" if under_way(page, lease) else f"an interrupted {what}"
        return f"{kind}: {page['activating']['to']}\n"
    wanted = page["verified"][-1] if page["verified"] else None
    if page["linked"] != wanted:
        return f"current: {page['linked'] or '(none)'} -> {wanted or '(none)'}\n"
    return _of_services(page) if wanted else None


def repaired_by(page: Mapping[str, Any], lease: Mapping[str, Any] | None, app: str, environment: str) -> str | None:
    """The command that mends an app's release on a host, whatever is the matter with it; None while a run is at it."""
    deploy = f"cdconf deploy {app} --to {environment}"
    if page["activating"] is not None:
        return None if under_way(page, lease) else f"`{deploy} --resume`"
    about = page["releases"].get(page["verified"][-1]) if page["verified"] else None
    return f"`cdconf deploy {app}@{about['version']} --to {environment}`" if about else f"`{deploy}`"


def _of_services(page: Mapping[str, Any]) -> str | None:
    return f"{page['problem']}\n" if page["problem"] else None
