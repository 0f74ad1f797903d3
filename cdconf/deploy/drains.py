"""Takes hosts out of use before they're changed, on the hosts of another group, and puts them back: see `drain:`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.deploy.rollout import GRACE, Failure
from cdconf.deploy.waiting import count_down
from cdconf.environments import provider_for
from cdconf.errors import CdconfError, HostFailed, Unreachable
from cdconf.events import Emit, HostDone, HostStatus, HostStep, Notice

if TYPE_CHECKING:
    from cdconf.engine import Fleet, Outcome
    from cdconf.inventory import App, Drain, Environment, Host, Project
    from cdconf.session import Session

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
        pages = self._ask(hosts)
        self._hosts = [host for host in hosts if pages[host.name]["applied"] or not _has_roles(project, host)]
        for host in hosts:
            if host not in self._hosts:
                emit(Notice(f"{host.name} was never provisioned, so nothing is drained on it"))
        self.left_over = tuple(dict.fromkeys(name for page in pages.values() for name in page["hosts"]))

    def _ask(self, hosts: Iterable[Host]) -> Mapping[str, dict[str, Any]]:
        outcome: Outcome[dict[str, Any]] = self._fleet.each(
            hosts, lambda session: session.call("drain.status", app=self._app.name)
        )
        outcome.raise_first()
        return outcome.results

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
            session.call(
                "drain.begin", drain=self._document, hosts=wanted, within=self._within and (within or self._within)
            )

        failures = self._failures(names, self._fleet.each(self._hosts, job).errors)
        if failures or not self._hosts:
            return failures
        count_down(names, "drained, waiting for requests in flight", self._drain.wait, self._emit)
        held = self._fleet.each(
            self._hosts, lambda session: session.call("drain.holds", app=self._app.name, names=names)
        )
        return self._failures(names, held.errors)

    def _failures(self, names: Sequence[str], errors: Mapping[str, CdconfError]) -> dict[str, Failure]:
        self._failed.update(errors)
        if not errors:
            return {}
        (where, first), *others = errors.items()
        for name, error in others:
            self._emit(Notice(f"{name} doesn't drain: {_text(error)}", warning=True))
        message = f"{where} doesn't drain: {_text(first)}\n{_HINT}"
        return {names[0]: Failure(message, verdict=False, unreachable=isinstance(first, Unreachable))}

    def end(self, names: Sequence[str]) -> dict[str, Failure]:
        """Puts hosts back into use; what isn't drained is left alone.

        Returns:
            By drained host why it couldn't be put back, somewhere.
        """

        def job(session: Session) -> dict[str, str]:
            self._emit(HostStep(session.host.name, f"putting back {', '.join(names)}"))
            failed: dict[str, str] = session.call("drain.end", drain=self._document, names=list(names))["failed"]
            return failed

        outcome = self._fleet.each(self._hosts, job)
        failures: dict[str, Failure] = {}
        for where, failed in outcome.results.items():
            for name, text in failed.items():
                failures[name] = Failure(f"{where} doesn't put it back: {text}", verdict=False)
                self._failed[where] = HostFailed(f"doesn't put {name} back: {text}", host=where)
        for where, error in outcome.errors.items():
            self._failed[where] = error
            silent = isinstance(error, Unreachable)
            for name in names:
                failures[name] = Failure(f"{where} doesn't put it back: {_text(error)}", False, silent)
        return failures

    def settle(self, environment: Environment, *, but: Iterable[str] = ()) -> None:
        """Puts back what an interrupted run has left drained, but for hosts that this run drains itself.

        Raises:
            HostFailed: One of the environment's hosts can't be put back.
        """
        names = [name for name in self.left_over if name not in set(but)]
        if not names:
            return
        self._emit(Notice(f"{', '.join(names)}: left drained by an interrupted run, put back"))
        for name, failure in self.end(names).items():
            if name in environment.hosts:
                raise HostFailed(f"is left drained: {failure.message}", host=name, hint=_HINT)
            self._emit(Notice(f"{name}, which the inventory doesn't know, is left drained: {failure.message}", True))

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


def _has_roles(project: Project, host: Host) -> bool:
    return any(project.groups[group] for group in host.groups)


def _text(error: CdconfError) -> str:
    return f"{error.message}\n{error.detail}" if error.detail else error.message
