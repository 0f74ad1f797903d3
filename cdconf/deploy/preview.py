"""What a deployment would do: looked at on hosts without a lease, and without a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.databases.applied_migrations import Shape
from cdconf.deploy.canaries import check_canary, limited
from cdconf.deploy.missing_release import lacking_hosts
from cdconf.deploy.rollout import split
from cdconf.deploy.shapes import shape_of
from cdconf.deploy.unavailable import Room
from cdconf.errors import GateClosed, first_line
from cdconf.events import Emit

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host, Project


@dataclass(frozen=True)
class Foreseen:
    """What a deployment would do, as its hosts are now.

    Attributes:
        batches: The hosts that would get the release, batch by batch.
        runs: Host -> the release that it runs, None for none.
        migrates: The hosts on which the expand migration would run.
        refused: Why the hosts would refuse it, in one line each.
        held: Host -> who holds it, in words.
    """

    batches: Sequence[Sequence[str]]
    runs: Mapping[str, str | None]
    migrates: Sequence[str]
    refused: Sequence[str]
    held: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON documents."""
        return {
            "batches": [list(batch) for batch in self.batches],
            "runs": dict(self.runs),
            "migrates": list(self.migrates),
            "refused": list(self.refused),
            "held": dict(self.held),
        }


def foresee(
    project: Project,
    fleet: Fleet,
    artifact: Artifact,
    hosts: Sequence[Host],
    emit: Emit,
    *,
    unpin: bool = False,
    limit: frozenset[str] | None = None,
) -> Foreseen:
    """Asks the app's hosts, which are connected.

    Args:
        project: The project.
        fleet: Its sessions.
        artifact: What would be deployed.
        hosts: The app's.
        emit: The event stream.
        unpin: A pinned artifact would be allowed again.
        limit: The only hosts that would be changed; None: all.

    Raises:
        CdconfError: The first host's error, where one can't be asked.
    """
    app = project.apps[artifact.app]
    pages = fleet.each(hosts, lambda session: session.app_status(app.document())).all()
    lacking = limited(lacking_hosts(project, fleet, app, hosts, pages, artifact.release, emit), limit)
    room = Room(app, fleet, hosts, emit) if app.max_unavailable is not None else None
    ordered = room.first_the_unwell(lacking) if room is not None else lacking
    batches = split([host.name for host in ordered], app.batches, room.limit if room is not None else None)
    leases = {name: session.lease for name, session in fleet.sessions.items()}
    held = {name: f"{state['owner']} ({state['reason']})" for name, state in leases.items() if state}
    refused = _refusals(app, fleet.environment.name, artifact, pages, unpin=unpin)
    runs = {name: page["linked"] for name, page in pages.items()}
    return Foreseen(batches, runs, _migrating(app, artifact, pages, ordered), refused, held)


def _refusals(app: App, environment: str, artifact: Artifact, pages: Mapping[str, Any], *, unpin: bool) -> list[str]:
    pins = {name: page["pinned"].get(artifact.archive) for name, page in pages.items()}
    found = [
        f"{artifact.label} is pinned, because it failed on {name}: {first_line(str(pin['reason']))}"
        for name, pin in pins.items()
        if pin is not None and not unpin
    ][:1]
    checks: tuple[Callable[[], None], ...] = (
        lambda: shape_of(app, pages).check_deploy(app, artifact),
        lambda: check_canary(app, environment, pages, artifact.release),
    )
    for check in checks:
        try:
            check()
        except GateClosed as error:
            found.append(error.message)
    return found


def _migrating(app: App, artifact: Artifact, pages: Mapping[str, Any], hosts: Sequence[Host]) -> list[str]:
    """Where the expand migration would run."""
    command = app.migrate.expand
    if command is None or not hosts:
        return []
    if app.migrate.each:
        shapes = {host.name: Shape.of({host.name: pages[host.name]}) for host in hosts}
        return [name for name, shape in shapes.items() if not shape.done("expand", artifact.tree, command)]
    return [] if Shape.of(pages).done("expand", artifact.tree, command) else [hosts[0].name]
