"""What would stop a deployment is found on all hosts before anything is changed on any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.agent.release import shared_paths
from cdconf.artifacts.lock_files import check_packages
from cdconf.databases.applied_migrations import clock
from cdconf.errors import ArtifactError, Unreachable
from cdconf.events import Emit, HostDone, HostStep, Notice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdconf.deploy.push import Push
    from cdconf.deploy.target import Target
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Environment
    from cdconf.session import Session


def preflight(fleet: Fleet, target: Target, app: dict[str, Any], push: Push | None, emit: Emit) -> None:
    """Asks every host whether the release can come: room on the disk, shared files, units, a link for `current`.

    Args:
        fleet: Connected and leased.
        target: What goes where.
        app: What the agents need to know of the app.
        push: Remembers the answers; None when no host gets anything.
        emit: Gets the hosts that can't take it.

    Raises:
        ArtifactError: The artifact has something of its own where the app shares a path or has packages, or lacks a
            lock file.
        CdconfError: The first host's error, which says that none was touched.
    """
    check_shared(target.app, target.release, target.manifest)
    if push is None:
        return
    check_packages(target.app, target.release, target.manifest)

    def ask(session: Session) -> None:
        emit(HostStep(session.host.name, "preflight"))
        push.check(session, app, target.release)

    _, errors = fleet.each(target.hosts, ask).split()
    for host in target.hosts:
        error = errors.get(host.name)
        if error is not None:
            emit(HostDone(host.name, "unreachable" if isinstance(error, Unreachable) else "failed", error.message))
        elif errors:
            emit(HostDone(host.name, "not_attempted"))
    for error in sorted(errors.values(), key=lambda cdconf_error: isinstance(cdconf_error, Unreachable)):
        error.message = f"{error.message} (no host was touched)"
        raise error


def warn_of_failed(pages: Mapping[str, Mapping[str, Any]], environment: Environment, emit: Emit) -> None:
    """Says which hosts may not be what their roles say: nothing of that shows in a deployment."""
    for name, page in pages.items():
        failed = page.get("provision_failed")
        if failed:
            text = f"{name}'s last provision failed ({clock(failed['at'])}, by {failed['owner']}), and it's deployed to"
            emit(Notice(f"{text} as it is; `cdconf provision {environment.name} --limit {name}` mends that", True))


def check_shared(app: App, release: str, manifest: Sequence[dict[str, Any]]) -> None:
    """Raises `ArtifactError` when a shared path has something of the artifact's in its place."""
    found = shared_paths.conflict(manifest, app.shared.paths)
    if found is not None:
        raise ArtifactError(
            f"{release} has '{found[0]}' of its own, where app '{app.name}' shares '{found[1]}'",
            file=app.file,
            line=app.line,
            hint="leave it out of the artifact (`tar --exclude`), or take it out of `shared`",
        )
