"""The hosts that a deployment holds: its app's, and those that drain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.deploy.deciding_tests import Deciding, deciding
from cdconf.deploy.drains import Drains, drains_of, located_drain_hosts
from cdconf.deploy.rollout import Failure
from cdconf.deploy.target import Target
from cdconf.deploy.unavailable import Room
from cdconf.deploy.verify import unproven
from cdconf.engine.reports import refuse, report
from cdconf.environments import provider_for
from cdconf.errors import HostFailed, Unreachable, UsageError
from cdconf.events import Emit, Notice, Step

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Environment, Host, Project


KEPT = "mend it; the next provision, deployment or rollback puts it back once it proves well, or you do: cdconf undrain"


def app_members(environment: Environment, app: App) -> list[Host]:
    """The app's hosts.

    Raises:
        UsageError: The environment has none.
    """
    hosts = [host for host in environment.hosts.values() if app.runs_on(host)]
    if not hosts:
        raise UsageError(f"{environment.name} has no host in {', '.join(app.groups)}, which '{app.name}' runs on")
    return hosts


def app_hosts(project: Project, environment: Environment, app: App) -> list[Host]:
    """The app's hosts, located.

    Raises:
        UsageError: The environment has none.
        Unreachable: One doesn't exist or doesn't run.
    """
    hosts = app_members(environment, app)
    provider = provider_for(project, environment)
    located = provider.locate(hosts)
    for host in hosts:
        if host.name not in located:
            raise provider.absence(host)
    return [located[host.name] for host in hosts]


def touched_hosts(project: Project, environment: Environment, app: App) -> list[Host]:
    """All hosts that a deployment of the app touches, located: the app's, then those that drain them.

    Raises:
        UsageError: The environment has none.
        Unreachable: One doesn't exist or doesn't run.
    """
    hosts = app_hosts(project, environment, app)
    names = {host.name for host in hosts}
    others = [host for host in located_drain_hosts(project, environment, app) if host.name not in names]
    return [*hosts, *others]


@dataclass(frozen=True)
class HeldHosts:
    """Hosts that are connected and leased. `drains` is None when nothing drains the app's hosts."""

    project: Project
    app: App
    environment: Environment
    fleet: Fleet
    hosts: Sequence[Host]
    drains: Drains | None
    emit: Emit

    def target(
        self, release: str, artifact: Artifact | None, hosts: Sequence[Host], manifest: Sequence[dict[str, Any]] = ()
    ) -> Target:
        """What goes to some of the app's hosts; hosts that an interrupted run has left drained are put right.

        Raises:
            HostFailed: One that isn't among `hosts` can't be put back into use; nothing else was done.
        """
        self.settle(but=hosts)
        kept = self.drains.kept if self.drains is not None else None
        room = Room(self.app, self.fleet, self.hosts, self.emit, kept) if self.app.max_unavailable is not None else None
        ordered = room.first_the_unwell(hosts) if room is not None and artifact is not None else hosts
        return Target(self.app, release, artifact, ordered, manifest, self.drains, room, deciding=self._deciding(hosts))

    def _deciding(self, hosts: Sequence[Host]) -> Deciding:
        return deciding(self.project, self.environment, [self.app], hosts, self.emit)

    def settle(self, *, but: Sequence[Host] = ()) -> dict[str, Failure]:
        """Puts back into use what an interrupted run has left drained, and what was kept and now proves well.

        Args:
            but: Hosts that this run drains itself.

        Returns:
            Why others of the app's hosts stay out of use.

        Raises:
            HostFailed: One can't be put back.
        """
        if self.drains is None:
            return {}
        names = {host.name for host in but}
        self.drains.settle(self.environment, but=names)
        kept = [host for host in self.hosts if host.name in self.drains.kept and host.name not in names]
        if not kept:
            return {}
        self.emit(Step(f"health and smoke tests of what is kept out of use: {', '.join(host.name for host in kept)}"))
        failures = unproven(self.project, self.fleet, [self.app], kept, self.emit, self._deciding(kept))
        proven = [host.name for host in kept if host.name not in failures]
        for name, failure in (failures | self.drains.end(proven, proven=True)).items():
            failures[name] = failure
            self.emit(Notice(f"{name} stays out of use: {failure.message}", warning=True))
        return failures

    def settle_all(self) -> None:
        """The same, when there's nothing else to be done: raises `HostFailed` where a host stays out of use."""
        for name, failure in self.settle().items():
            message, _, detail = failure.message.partition("\n")
            kind = Unreachable if failure.unreachable else HostFailed
            raise kind(f"stays out of use: {message}", host=name, detail=detail or None, hint=KEPT)


def hold(fleet: Fleet, project: Project, environment: Environment, app: App, emit: Emit) -> HeldHosts:
    """Connects to all of them; one that's unreachable ends the deployment before it begins."""
    hosts = touched_hosts(project, environment, app)
    errors = fleet.connect(hosts, lease=True)
    refuse(errors, emit)
    for name, error in errors.items():
        report(emit, name, error)
    for error in errors.values():
        raise error
    members = [host for host in hosts if app.runs_on(host)]
    return HeldHosts(project, app, environment, fleet, members, drains_of(project, app, fleet, hosts, emit), emit)
