"""Which hosts lack a release, and which have it from an earlier run of the pipeline that couldn't say so any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.deploy.toggles import ToggleKeeper
from cdconf.deploy.verify import unproven
from cdconf.drift import changed_files
from cdconf.events import Emit, Notice
from cdconf.inventory.packages import paths

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host, Project
    from cdconf.session import Session


def _runs(page: Mapping[str, Any], release: str) -> bool:
    """Whether a host runs the release, verified, and nothing is left over from an interrupted deployment."""
    verified = page["verified"][-1:] == [release]
    return verified and page["linked"] == release and page["activating"] is None and page["problem"] is None


def lacking_hosts(
    project: Project,
    fleet: Fleet,
    app: App,
    hosts: Sequence[Host],
    pages: Mapping[str, Mapping[str, Any]],
    release: str,
    emit: Emit,
) -> list[Host]:
    """The hosts that don't run the release, or not as it should be: its files, shared paths or toggles differ."""
    running = [host for host in hosts if _runs(pages[host.name], release)]
    toggles = ToggleKeeper(project, fleet.environment)

    def look(session: Session) -> str:
        if changed_files(session, app):
            return f"the files of {release} were changed by hand"
        if tuple(pages[session.host.name]["releases"][release].get("shared") or ()) != app.shared.paths:
            return f"cdconf.yml has other shared paths than {release} has"
        if sorted(pages[session.host.name]["releases"][release].get("packages") or ()) != paths(app.prepare):
            return f"cdconf.yml prepares {app.name} otherwise than {release} was"
        return f"the toggles of {app.name} aren't what the inventory says" if toggles.differ(session, app) else ""

    reasons = fleet.each(running, look).all()
    for name, reason in reasons.items():
        if reason:
            emit(Notice(f"{name}: {reason}, so it's deployed again", warning=True))
    return [host for host in hosts if reasons.get(host.name) != ""]


def got_it_by(pages: Mapping[str, Mapping[str, Any]], names: Sequence[str], procedure: str | None) -> bool:
    """Whether hosts remember that what they run was brought to them by this very procedure.

    Args:
        pages: What each host says of the app.
        names: The hosts.
        procedure: The procedure's digest; None where there's none.
    """
    brought = [(pages[name].get("deployed") or {}).get("procedure") for name in names]
    return procedure is not None and all(one == procedure for one in brought)


def stand(project: Project, fleet: Fleet, app: App, names: Sequence[str], emit: Emit) -> bool:
    """Whether hosts to which an earlier run has deployed prove well now."""
    emit(Notice(f"{', '.join(names)}: deployed by this procedure before, so it's tested again, and not deployed"))
    failures = unproven(project, fleet, [app], [fleet.sessions[name].host for name in names], emit)
    for name, failure in failures.items():
        emit(Notice(f"{name}: {failure.message}", warning=True))
    return not failures
