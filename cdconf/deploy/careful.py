"""Changes hosts that serve, as a deployment does: batch by batch, drained, proven, soaked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cdconf.deploy.drains import Drains, drain_hosts, drains_of
from cdconf.deploy.provision import report
from cdconf.deploy.rollout import Failure, split
from cdconf.deploy.room import Room
from cdconf.deploy.runner import app_document, failure_of
from cdconf.deploy.verify import smoke, wait_for_health
from cdconf.deploy.waiting import count_down
from cdconf.environments import provider_for
from cdconf.errors import DIFFERENT, FAILED, OK, UNREACHABLE, CdconfError
from cdconf.events import Emit, HostDone, Step

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host, Project
    from cdconf.session import Session


def serves(session: Session, apps: Sequence[App]) -> bool:
    """Whether a host has a release of one of these apps."""
    return any(session.call("app.status", app=app_document(app))["linked"] for app in apps)


class Careful:
    """One run over hosts that serve the same apps.

    Args:
        project: The project.
        fleet: Connected to the hosts, and holding their leases.
        apps: What they serve; the first one's `batches` and the longest `soak` are taken.
        converge: Changes hosts; gives exit codes.
        emit: The event stream.
    """

    def __init__(
        self,
        project: Project,
        fleet: Fleet,
        apps: Sequence[App],
        converge: Callable[[Sequence[Host]], list[int]],
        emit: Emit,
    ) -> None:
        self._project = project
        self._fleet = fleet
        self._apps = apps
        self._converge = converge
        self._emit = emit
        self._soak = max(app.soak for app in apps)
        self._joined: set[str] = set()
        self._drained: list[Host] = []
        self._left: list[Failure] = []

    def run(self, hosts: Sequence[Host]) -> list[int]:
        """Changes all, or stops after the batch that failed; returns exit codes.

        None is changed when a host that drains them can't be reached, or is held by another run.
        """
        try:
            drains = [one for app in self._apps for one in self._drains(app)]
        except CdconfError as error:
            for host in hosts:
                self._emit(HostDone(host.name, "not_attempted"))
            return [report(self._emit, error.host or "", error)]
        rooms = [self._room(app) for app in self._apps if app.max_unavailable is not None]
        for room in rooms:
            hosts = room.first_the_unwell(hosts)
        by_name = {host.name: host for host in hosts}
        most = min((room.limit for room in rooms), default=None)
        batches = split(list(by_name), self._apps[0].batches, most)
        codes: list[int] = []
        try:
            for number, names in enumerate(batches, 1):
                if any(code not in (OK, DIFFERENT) for code in codes):
                    for name in names:
                        self._emit(HostDone(name, "not_attempted"))
                    continue
                batch = [by_name[name] for name in names]
                codes += self._one(f"batch {number} of {len(batches)}", batch, drains, rooms)
                if number < len(batches) and not any(codes):
                    codes += self._soaked(f"batch {number} of {len(batches)}", batch)
        finally:
            self._put_back(drains)
            for one in drains:
                one.finish(self._joined)
        return codes + self._failed(self._left)

    def _drains(self, app: App) -> list[Drains]:
        """Holds the hosts that drain for an app, too; what was left drained is put back first."""
        environment = self._fleet.environment
        wanted = drain_hosts(environment, app)
        for error in self._join(wanted, lease=True).values():
            raise error
        hosts = [self._fleet.sessions[host.name].host for host in wanted]
        drains = drains_of(self._project, app, self._fleet, hosts, self._emit)
        if drains is not None:
            drains.settle(environment)
        return [drains] if drains is not None else []

    def _room(self, app: App) -> Room:
        """All hosts of the app are looked at, also those that this run leaves alone."""
        members = [host for host in self._fleet.environment.hosts.values() if app.runs_on(host)]
        self._join(members, lease=False)
        return Room(app, self._fleet, members, self._emit)

    def _join(self, hosts: Sequence[Host], *, lease: bool) -> dict[str, CdconfError]:
        """Connects to hosts that the run isn't connected to."""
        new = [host for host in hosts if host.name not in self._fleet.sessions]
        if not new:
            return {}
        provider = provider_for(self._project, self._fleet.environment)
        located = provider.locate(new)
        missing: dict[str, CdconfError] = {
            host.name: provider.absence(host) for host in new if host.name not in located
        }
        errors = missing | self._fleet.connect(list(located.values()), lease=lease)
        self._joined |= {host.name for host in new}
        return errors

    def _one(self, title: str, batch: Sequence[Host], drains: Sequence[Drains], rooms: Sequence[Room]) -> list[int]:
        names = [host.name for host in batch]
        listed = ", ".join(names)
        for room in rooms:
            refusal = room.refusal(names)
            if refusal:
                return self._refused(refusal, names)
        if drains:
            self._emit(Step(f"{title}: drain: {listed}"))
        for one in drains:
            self._drained = list(batch)
            failures = one.begin(batch)
            if failures:
                return self._refused(failures, names)
        self._emit(Step(f"{title}: converge: {listed}"))
        codes = self._converge(batch)
        if not any(codes):
            self._emit(Step(f"{title}: health and smoke tests: {listed}"))
            codes += self._proven(batch)
        if drains:
            self._emit(Step(f"{title}: put back into use: {listed}"))
            self._put_back(drains)
            codes += self._failed(self._left)
            self._left = []
        return codes

    def _refused(self, failures: dict[str, Failure], names: Sequence[str]) -> list[int]:
        for name in names:
            if name not in failures:
                self._emit(HostDone(name, "not_attempted"))
        return self._reported(failures)

    def _proven(self, hosts: Sequence[Host]) -> list[int]:
        """Health and smoke of hosts that were just changed."""
        failures = self._unhealthy(hosts)
        return self._reported(failures or smoke(self._project, self._fleet.environment, self._fleet, hosts, self._emit))

    def _unhealthy(self, hosts: Sequence[Host]) -> dict[str, Failure]:
        def healthy(session: Session) -> None:
            for app in self._apps:
                wait_for_health(session, app, self._emit)

        return {name: failure_of(error) for name, error in self._fleet.each(hosts, healthy).errors.items()}

    def _soaked(self, title: str, batch: Sequence[Host]) -> list[int]:
        if not self._soak:
            return []
        names = [host.name for host in batch]
        self._emit(Step(f"{title}: soak {self._soak:g} s: {', '.join(names)}"))
        count_down(names, "soaking", self._soak, self._emit)
        return self._reported(self._unhealthy(batch))

    def _put_back(self, drains: Sequence[Drains]) -> None:
        """Whatever happened: nothing is left drained without being said."""
        batch, self._drained = self._drained, []
        if batch:
            self._fleet.resume()
        for one in drains if batch else ():
            for name, failure in one.end([host.name for host in batch]).items():
                self._emit(HostDone(name, "failed", f"is still drained: {failure.message}"))
                self._left.append(failure)

    def _reported(self, failures: dict[str, Failure]) -> list[int]:
        for name, failure in failures.items():
            self._emit(HostDone(name, "unreachable" if failure.unreachable else "failed", failure.message))
        return self._failed(list(failures.values()))

    def _failed(self, failures: Sequence[Failure]) -> list[int]:
        return [UNREACHABLE if failure.unreachable else FAILED for failure in failures]
