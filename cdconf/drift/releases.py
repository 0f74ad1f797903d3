"""Compares each app's running release with the host's own ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.drift.shared import Changes, other_shared, shared_repair
from cdconf.events import Cause, Emit, ResourceDone, ResourceStatus

if TYPE_CHECKING:
    from cdconf.drift.noting import Noting
    from cdconf.inventory import App, Project
    from cdconf.session import Session


def check_releases(
    project: Project, environment: str, session: Session, emit: Emit, noting: Noting, *, with_files: bool = True
) -> bool:
    """Reports a `release` for every app on a host; returns whether one has drifted.

    A release has drifted when `current` doesn't point to the verified one, its services don't run from it, its files
    aren't those that were deployed, or what it shares isn't as cdconf.yml has it.

    Args:
        project: The project.
        environment: The environment's name.
        session: The host.
        emit: The event stream.
        noting: Has hosts remember since when.
        with_files: Compare with what cdconf.yml wants as well.

    Raises:
        CdconfError: The host can't be asked.
    """
    is_drifted = False
    for app in project.apps_on(session.host):
        page = session.app_status(_document(app))
        found = drifted(page, session.lease)
        by_hand = found != _of_services(page)  # services fail by themselves
        changes: Changes = ()
        if page["linked"] and (not found or found == _of_services(page)):
            changes, text = changes_of(session, app)  # a service that's down hides none
            by_hand = by_hand or bool(text) or not found
            found = f"{found or ''}{text}" or None
        wanted = other_shared(page, app) if with_files else None
        repair = release_repair(page, session, app, environment, changes)
        done = ResourceDone(
            *(session.host.name, "release", app.name, _status(found, wanted), f"{app.file}:{app.line}"),
            diff=f"{found or ''}{wanted or ''}" or None,
            by_hand=bool(found) and by_hand,
            repair=repair if found or wanted else None,
            cause=_cause(page, found, wanted),
        )
        emit(noting.since(session, done))
        is_drifted = is_drifted or bool(found or wanted)
    return is_drifted


def _status(found: str | None, wanted: str | None) -> ResourceStatus:
    return "would_change" if found or wanted else "ok"


def _cause(page: Mapping[str, Any], found: str | None, wanted: str | None) -> Cause | None:
    if found is None:
        return "not_applied" if wanted else None
    return "not_applied" if page["activating"] is not None else "both" if wanted else "by_hand"


def _document(app: App) -> dict[str, Any]:
    shared = {"directories": list(app.shared.directories), "files": list(app.shared.files)}
    return app.known | {"shared": shared}


def changed_files(session: Session, app: App) -> str:
    """Which files of the app's current release on a host aren't as deployed, `changed: path` a line; "" for none."""
    return changes_of(session, app)[1]


def changes_of(session: Session, app: App) -> tuple[Changes, str]:
    """The same, as `(what, path)` each, and for people; see `Releases.changes`."""
    found = session.app_changes(_document(app))
    changes = [(what, path) for what, path in found["files"]]
    lines = [f"{what}: {path}\n" for what, path in changes]
    more = found["count"] - len(lines)
    return changes, "".join(lines) + (f"and {more} more\n" if more > 0 else "")


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


def release_repair(
    page: Mapping[str, Any], session: Session, app: App, environment: str, changes: Changes
) -> str | None:
    """The same, where what a deployment would refuse has to be put right first."""
    deploy = repaired_by(page, session.lease, app.name, environment)
    return shared_repair(app, changes, deploy, f"`cdconf provision {environment} --limit {session.host.name}`")


def _of_services(page: Mapping[str, Any]) -> str | None:
    return f"{page['problem']}\n" if page["problem"] else None
