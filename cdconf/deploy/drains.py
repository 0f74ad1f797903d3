"""Takes hosts out of use before they're changed, on the hosts of another group, and puts them back: see `drain:`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from cdconf.deploy.rollout import GRACE, Failure
from cdconf.deploy.waiting import count_down
from cdconf.environments import provider_for
from cdconf.errors import CdconfError, HostFailed, Unreachable
from cdconf.events import Emit, HostDone, HostStatus, HostStep, Notice
from cdconf.session.session import Disconnected

if TYPE_CHECKING:
    from cdconf.engine import Fleet, Outcome
    from cdconf.inventory import App, Drain, Environment, Host, Project
    from cdconf.session import Session
    from cdconf.session.app_answers import DrainEnd, DrainStatus

T = TypeVar("T")
DOUBT = "the provision that changes it hasn't proven it"
_HINT = "run the command on that host by hand; if it isn't there yet, provision that group first"


def drain_hosts(environment: Environment, app: App) -> list[Host]:
    """The hosts that take the app's hosts out of use; none where nothing balances load."""
    return environment.in_group(app.drain.group) if app.drain is not None else []


def located_drain_hosts(project: Project, environment: Environment, app: App) -> list[Host]:
    """The same, located.

    Raises:
        Unreachable: One doesn't exist or doesn't run.
    """
    hosts = drain_hosts(environment, app)
    provider = provider_for(project, environment)
    located = provider.locate(hosts) if hosts else {}
    for host in hosts:
        if host.name not in located:
            raise provider.absence(host)
    return [located[host.name] for host in hosts]


class Drains:
    """What one run drains for an app.

    Args:
        project: The project.
        app: The app.
        drain: Its drain.
        fleet: Connected to `hosts`, and holding their leases.
        hosts: The hosts that drain.
        emit: The event stream.
    """

    def __init__(
        self, project: Project, app: App, drain: Drain, fleet: Fleet, hosts: Sequence[Host], emit: Emit
    ) -> None:
        self._app = app
        self._fleet = fleet
        self._emit = emit
        self._drain = drain
        self._document = {
            "app": app.name,
            "command": drain.command,
            "undrain": drain.undrain,
            "timeout": drain.within,
        }
        self._within = 2 * app.confirm_within + GRACE if app.confirm_within else None
        self._failed: dict[str, CdconfError] = {}
        pages = drained_on(fleet, app, hosts).all()
        self._hosts = [host for host in hosts if pages[host.name]["applied"] or not _has_roles(project, host)]
        for host in hosts:
            if host not in self._hosts:
                emit(Notice(f"{host.name} was never provisioned, so nothing is drained on it"))
        self.kept = kept_on(pages)
        drained = dict.fromkeys(name for page in pages.values() for name in page["hosts"])
        self.left_over = tuple(name for name in drained if name not in self.kept)

    def begin(self, hosts: Sequence[Host], within: float | None = None) -> dict[str, Failure]:
        """Drains hosts, waits for their requests in flight, and asks whether they're still drained.

        Args:
            hosts: The hosts.
            within: Seconds without a beat after which they're put back; None: when all of the app's hosts must have
                gone back.

        Returns:
            The failure, under the first host's name; none when all went well.
        """
        names = [host.name for host in hosts]
        wanted = [{"name": host.name, "address": host.address or host.name} for host in hosts]

        def job(session: Session) -> None:
            self._emit(HostStep(session.host.name, f"draining {', '.join(names)}"))
            session.drain_begin(drain=self._document, hosts=wanted, within=self._within and (within or self._within))

        _, errors = self._fleet.each(self._hosts, job).split()
        failures = self._failures(names, errors)
        if failures or not self._hosts:
            return failures
        count_down(names, "drained, waiting for requests in flight", self._drain.wait, self._emit)
        _, errors = self._fleet.each(
            self._hosts, lambda session: session.drain_holds(self._app.name, names=names)
        ).split()
        return self._failures(names, errors)

    def keep(self, failures: Mapping[str, Failure]) -> dict[str, Failure]:
        """Keeps drained hosts out of use until they're proven, whoever comes next.

        Args:
            failures: By drained host why it isn't proven.

        Returns:
            Under the first host's name what failed: where that isn't noted, the host itself may put them back.
        """
        reasons = {name: failure.message.partition("\n")[0] for name, failure in failures.items()}
        if not reasons or not self._hosts:
            return {}
        errors = self._note(reasons)
        self.kept |= reasons
        for name, reason in reasons.items():
            self._emit(Notice(f"{name} is kept out of use, since it isn't proven: {reason}", warning=True))
        told = "; ".join(
            f"{where} can't note that it's kept out of use: {_text(error)}" for where, error in errors.items()
        )
        silent = all(isinstance(error, Unreachable) for error in errors.values())
        return {next(iter(reasons)): Failure(told, verdict=False, unreachable=silent)} if errors else {}

    def _note(self, reasons: Mapping[str, str]) -> dict[str, CdconfError]:
        """Has the hosts that drain note of others why these are kept; returns their errors."""

        def job(session: Session) -> None:
            session.drain_keep(self._app.name, reasons=dict(reasons))

        _, errors = self._surely(job)
        self._failed.update(errors)
        return errors

    def _surely(self, job: Callable[[Session], T]) -> tuple[dict[str, T], dict[str, CdconfError]]:
        """Does what mustn't fail for a connection that ended: such a host is connected to, and taken, once more.

        One that hangs, or was cut off, isn't: that would take long, and hosts wait for it to be taken back.
        """
        results, errors = self._fleet.each(self._hosts, job).split()
        ended = [host for host in self._hosts if isinstance(errors.get(host.name), Disconnected)]
        if not ended:
            return results, errors
        more, _ = self._fleet.afresh(ended, job, rejoin=True).split()  # what it was at first is what's told
        return results | more, {name: error for name, error in errors.items() if name not in more}

    def doubt(self, names: Sequence[str]) -> dict[str, Failure]:
        """Keeps drained hosts that are about to be changed out of use, should this run be killed before it proves them.

        Where no other host of the app is in use they may still be put back: something that may work is better than
        nothing that serves.

        Returns:
            The failure, under the first host's name; none when all went well.
        """
        members = [host.name for host in self._fleet.environment.hosts.values() if self._app.runs_on(host)]
        if not self._hosts or not any(name not in names and name not in self.kept for name in members):
            return {}
        return self._failures(names, self._note(dict.fromkeys(names, DOUBT)))

    def _failures(self, names: Sequence[str], errors: Mapping[str, CdconfError]) -> dict[str, Failure]:
        self._failed.update(errors)
        if not errors:
            return {}
        (where, first), *others = errors.items()
        for name, error in others:
            self._emit(Notice(f"{name} doesn't drain: {_text(error)}", warning=True))
        message = f"{where} doesn't drain: {_text(first)}\n{_HINT}"
        return {names[0]: Failure(message, verdict=False, unreachable=isinstance(first, Unreachable))}

    def end(self, names: Sequence[str], *, proven: bool = False) -> dict[str, Failure]:
        """Puts hosts back into use; what isn't drained is left alone, and what's kept as well unless it's proven.

        Args:
            names: The hosts.
            proven: Their health checks and smoke tests have just passed.

        Returns:
            By drained host why it couldn't be put back, somewhere.
        """

        def job(session: Session) -> DrainEnd:
            self._emit(HostStep(session.host.name, f"putting back {', '.join(names)}"))
            ended: DrainEnd = session.drain_end(drain=self._document, names=list(names), proven=proven)
            return ended

        if not names:
            return {}
        ends, errors = self._surely(job)
        failures = self._ended(ends)
        for where, error in errors.items():
            self._failed[where] = error
            silent = isinstance(error, Unreachable)
            for name in names:
                failures[name] = Failure(f"{where} doesn't put it back: {_text(error)}", False, silent)
        for name in names if proven else ():
            if name not in failures:
                self.kept.pop(name, None)
        return failures

    def _ended(self, ends: Mapping[str, DrainEnd]) -> dict[str, Failure]:
        failures: dict[str, Failure] = {}
        for where, ended in ends.items():
            for name, reason in ended.get("kept", {}).items():
                self._emit(Notice(f"{name} stays out of use on {where}, since it isn't proven: {reason}", warning=True))
            for name, text in ended["failed"].items():
                failures[name] = Failure(f"{where} doesn't put it back: {text}", verdict=False)
                self._failed[where] = HostFailed(f"doesn't put {name} back: {text}", host=where)
        return failures

    def settle(self, environment: Environment, *, but: Iterable[str] = ()) -> None:
        """Puts back what an interrupted run has left drained: not what's kept, nor what this run drains itself.

        Raises:
            HostFailed: One of the environment's hosts can't be put back.
        """
        names = [name for name in self.left_over if name not in set(but)]
        if not names:
            return
        self._emit(Notice(f"{', '.join(names)}: still drained after an interrupted run, put back into use"))
        for name, failure in self.end(names).items():
            if name in environment.hosts:
                raise HostFailed(f"is left drained: {failure.message}", host=name, hint=_HINT)
            self._emit(Notice(f"{name}, which the inventory doesn't know, is left drained: {failure.message}", True))

    def told(self, pages: Mapping[str, Mapping[str, Any]]) -> None:
        """Hosts that were asked once more, and drain nothing any more, have done what they should."""
        for where, page in pages.items():
            if not page["hosts"]:
                self._failed.pop(where, None)

    @property
    def hosts(self) -> Sequence[Host]:
        """Those that drain."""
        return self._hosts

    def finish(self, only: Container[str] | None = None) -> None:
        """Says how the hosts fared that drained, and did nothing else in this run.

        Args:
            only: Which may be said to be fine; None: all that don't run the app.
        """
        for host in self._hosts:
            error = self._failed.get(host.name)
            if error is not None:
                status: HostStatus = "unreachable" if isinstance(error, Unreachable) else "failed"
                self._emit(HostDone(host.name, status, error.message))
            elif not self._app.runs_on(host) and (only is None or host.name in only):
                self._emit(HostDone(host.name, "ok"))


def drains_of(project: Project, app: App, fleet: Fleet, hosts: Sequence[Host], emit: Emit) -> Drains | None:
    """What drains an app's hosts, of those that are connected and leased; None when nothing does."""
    if app.drain is None:
        return None
    draining = [host for host in hosts if app.drain.group in host.groups]
    return Drains(project, app, app.drain, fleet, draining, emit) if draining else None


def drained_on(fleet: Fleet, app: App, hosts: Iterable[Host], *, afresh: bool = False) -> Outcome[DrainStatus]:
    """What each of the hosts that drain for an app has drained: see the agent's `drain.status`, and `Fleet.afresh`."""

    def ask(session: Session) -> DrainStatus:
        page: DrainStatus = session.drain_status(app.name)
        return page

    way = fleet.afresh if afresh else fleet.each
    return way(hosts, ask)


def kept_on(pages: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The hosts that are kept out of use, and why, by what those that drain them say (`drain.status`)."""
    drained = [(name, one) for page in pages.values() for name, one in page["hosts"].items()]
    return {name: str(one["kept"]["reason"]) for name, one in drained if one.get("kept")}


def _has_roles(project: Project, host: Host) -> bool:
    return any(project.groups[group] for group in host.groups)


def _text(error: CdconfError) -> str:
    return f"{error.message}\n{error.detail}" if error.detail else error.message
