"""Changes hosts that serve, as a deployment does: batch by batch, drained, proven, soaked.

A host that was drained and changed is put back into use once its health checks and smoke tests have passed, whether
its convergence went well or not; else the hosts that drain it keep it out of use (`Drains.keep`).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cdconf.deploy.deciding_tests import Deciding, deciding
from cdconf.deploy.drains import Drains, drain_hosts, drained_on, drains_of, kept_on
from cdconf.deploy.host_failure import failure_of
from cdconf.deploy.rollout import Failure, split
from cdconf.deploy.unavailable import Room
from cdconf.deploy.verify import unhealthy, unproven
from cdconf.deploy.waiting import count_down
from cdconf.engine.reports import report
from cdconf.environments import provider_for
from cdconf.errors import DIFFERENT, FAILED, OK, UNREACHABLE, CdconfError
from cdconf.events import Emit, HostDone, Notice, Step
from cdconf.provision.restarts import running_unproven

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host, Project
    from cdconf.session import Session


def serves(session: Session, apps: Sequence[App]) -> bool:
    """Whether a host has a release of one of these apps."""
    return any(session.app_status(app.document())["linked"] for app in apps)


class Careful:
    """One run over hosts that serve the same apps.

    Args:
        project: The project.
        fleet: Connected to the hosts, and holding their leases.
        apps: What they serve; the first one's `batches` and the longest `soak` are taken.
        converge: Changes hosts; gives exit codes.
        emit: The event stream.
        mask: Takes secrets out of what is written down on hosts.
    """

    def __init__(
        self,
        project: Project,
        fleet: Fleet,
        apps: Sequence[App],
        converge: Callable[[Sequence[Host]], list[int]],
        emit: Emit,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._project = project
        self._fleet = fleet
        self._apps = apps
        self._converge = converge
        self._emit = emit
        self._mask = mask
        self._soak = max(app.soak for app in apps)
        self._joined: set[str] = set()
        self._out: list[Host] = []  # of the batch: drained, and not yet put back or kept
        self._is_changed = False
        self._codes: list[int] = []

    def kept(self) -> set[str]:
        """The names of hosts that are kept out of use for one of the apps: they go through the batches, as a change.

        Hosts that drain and can't be asked are told; they leave what's kept as it is.
        """
        found: set[str] = set()
        for app in self._apps:
            wanted = drain_hosts(self._fleet.environment, app)
            errors = self._join(wanted, lease=True)
            pages, failed = drained_on(self._fleet, app, self._fleet.connected(wanted)).split()
            for name, error in (errors | failed).items():
                text = f"{name} can't be asked which hosts of {app.name} are kept out of use: {error.message}"
                self._emit(Notice(text, warning=True))
            found |= set(kept_on(pages))
        return found

    def run(self, hosts: Sequence[Host]) -> list[int]:
        """Changes all, or stops after the batch that failed; returns exit codes.

        None is changed when a host that drains them can't be reached, or is held by another run.
        """
        try:
            drains = [drain for app in self._apps for drain in self._drains(app)]
        except CdconfError as error:
            for host in hosts:
                self._emit(HostDone(host.name, "not_attempted"))
            return [report(self._emit, error.host or "", error)]
        kept = ChainMap(*(drain.kept for drain in drains))  # as it becomes, batch by batch
        rooms = [self._room(app, kept) for app in self._apps if app.max_unavailable is not None]
        for room in rooms:
            hosts = room.first_the_unwell(hosts)
        by_name = {host.name: host for host in hosts}
        most = min((room.limit for room in rooms), default=None)
        batches = split(list(by_name), self._apps[0].batches, most)
        try:
            for number, names in enumerate(batches, 1):
                if any(code not in (OK, DIFFERENT) for code in self._codes):
                    for name in names:
                        self._emit(HostDone(name, "not_attempted"))
                    continue
                batch = [by_name[name] for name in names]
                self._one(f"batch {number} of {len(batches)}", batch, drains, rooms)
                if number < len(batches) and not any(self._codes):
                    self._soaked(f"batch {number} of {len(batches)}", batch)
        finally:
            self._end_batch(drains)
            for drain in drains:
                drain.finish(self._joined)
        return self._codes

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

    def _room(self, app: App, kept: Mapping[str, str]) -> Room:
        """All hosts of the app are looked at, also those that this run leaves alone."""
        members = [host for host in self._fleet.environment.hosts.values() if app.runs_on(host)]
        for name, error in self._join(members, lease=False).items():  # it counts as out of use
            self._emit(Notice(f"{name} isn't among the hosts of this run, and can't be asked: {error.message}", True))
        return Room(app, self._fleet, members, self._emit, kept)

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

    def _one(self, title: str, batch: Sequence[Host], drains: Sequence[Drains], rooms: Sequence[Room]) -> None:
        names = [host.name for host in batch]
        listed = ", ".join(names)
        for room in rooms:
            refusal = room.refusal(names)
            if refusal:
                return self._refused(refusal, names)
        if drains:
            self._emit(Step(f"{title}: drain: {listed}"))
        for drain in drains:
            self._out = list(batch)
            failures = drain.begin(batch)
            if failures:
                return self._refused(failures, names)
        self._is_changed = True
        doubts = [failures for drain in drains if (failures := drain.doubt(names))]
        if doubts:
            return self._refused(doubts[0], names)
        self._emit(Step(f"{title}: converge: {listed}"))
        self._codes += self._converge(batch)
        if not drains and any(self._codes):
            return None  # nothing waits for a proof
        self._emit(Step(f"{title}: health and smoke tests: {listed}"))
        unproven = self._unproven(batch)
        self._reported(unproven)
        proven = [name for name in names if name not in unproven]
        if drains and proven:
            self._emit(Step(f"{title}: put back into use: {', '.join(proven)}"))
        self._put_back(drains, unproven)
        return None

    def _refused(self, failures: dict[str, Failure], names: Sequence[str]) -> None:
        for name in names:
            if name not in failures:
                self._emit(HostDone(name, "not_attempted"))
        self._reported(failures)

    def _unproven(self, hosts: Sequence[Host]) -> dict[str, Failure]:
        tests, failures = self._deciding(hosts)
        left = [host for host in hosts if host.name not in failures]
        if left:
            failures |= unproven(self._project, self._fleet, self._apps, left, self._emit, tests)
        return failures

    def _deciding(self, hosts: Sequence[Host]) -> tuple[Deciding, dict[str, Failure]]:
        """Neither health nor tests of apps that a host doesn't serve decide; and which hosts can't prove well.

        These can't be asked, or run a release that isn't proven.
        """
        apps = list(self._project.apps.values())

        environment = self._fleet.environment

        def ask(session: Session) -> tuple[list[str], str | None]:
            members = [app for app in apps if app.runs_on(session.host)]
            pages = [(session.app_status(app.document()), app) for app in members]
            wrong = [found for page, app in pages if (found := running_unproven(page, app, environment.name))]
            return [app.name for page, app in pages if page["linked"]], "\n  hint: ".join(wrong[0]) if wrong else None

        found, errors = self._fleet.each(hosts, ask).split()
        failures = {name: failure_of(error) for name, error in errors.items()}
        failures |= {name: Failure(wrong, verdict=False) for name, (_, wrong) in found.items() if wrong}
        tests = deciding(self._project, environment, apps, hosts, self._emit)
        return replace(tests, here={name: served for name, (served, _) in found.items()}), failures

    def _soaked(self, title: str, batch: Sequence[Host]) -> None:
        if not self._soak:
            return
        names = [host.name for host in batch]
        self._emit(Step(f"{title}: soak {self._soak:g} s: {', '.join(names)}"))
        count_down(names, "soaking", self._soak, self._emit)
        tests, failures = self._deciding(batch)
        left = [host for host in batch if host.name not in failures]
        self._reported(failures | unhealthy(self._fleet, self._apps, left, self._emit, tests))

    def _end_batch(self, drains: Sequence[Drains]) -> None:
        """Whatever ended the run in the midst of a batch: what was changed is kept out of use until it's proven."""
        if not self._out:
            return
        self._fleet.resume()
        if self._is_changed:
            why = Failure("the run ended before it was proven", verdict=False)
            for drain in drains:
                drain.keep({host.name: why for host in self._out})
            unproven = self._unproven(self._out)
            self._reported(unproven)
            self._put_back(drains, unproven)
        else:
            self._put_back(drains, {}, proven=False)

    def _put_back(self, drains: Sequence[Drains], unproven: Mapping[str, Failure], *, proven: bool = True) -> None:
        """Puts the batch back into use, but for hosts that don't prove well: these are kept drained.

        With `proven` unset they weren't changed, and what was kept before stays so.
        """
        masked = {name: replace(one, message=self._mask(one.message)) for name, one in unproven.items()}
        names = [host.name for host in self._out if host.name not in unproven]
        for one in drains if self._out else ():
            self._codes += _failed(one.keep(masked).values())
            failures = one.end(names, proven=proven)
            for name, failure in failures.items():
                self._emit(HostDone(name, "failed", f"is still drained: {failure.message}"))
            self._codes += _failed(failures.values())
        self._out = []
        self._is_changed = False

    def _reported(self, failures: Mapping[str, Failure]) -> None:
        for name, failure in failures.items():
            self._emit(HostDone(name, "unreachable" if failure.unreachable else "failed", failure.message))
        self._codes += _failed(failures.values())


def _failed(failures: Iterable[Failure]) -> list[int]:
    return [UNREACHABLE if failure.unreachable else FAILED for failure in failures]
