"""`toggle`: switches one feature toggle of an app on all its hosts, proves it, and only then writes it down.

The inventory's file is changed last, when health checks and smoke tests have passed everywhere: that's the moment of
decision. Until then the hosts hold a trial (`cdconf.agent.toggles.toggles`). A run that's killed before leaves hosts
that differ from the inventory, which `drift` shows, and the next `toggle` or `provision` puts right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.agent import files
from cdconf.agent.errors import Failed
from cdconf.deploy.deciding_tests import Deciding, deciding
from cdconf.deploy.held_hosts import app_hosts, app_members
from cdconf.deploy.host_failure import failure_of
from cdconf.deploy.outcome import put_back_error
from cdconf.deploy.rollout import Failure, split
from cdconf.deploy.toggles import Values, differences, document_of
from cdconf.deploy.unheeded import unheeded
from cdconf.deploy.verify import check_smoke, smoke, wait_for_health
from cdconf.engine import USUAL, Connecting, Fleet, open_fleet
from cdconf.engine.reports import refuse, report
from cdconf.errors import CdconfError, GateClosed, HostFailed, Interrupted, Unreachable
from cdconf.events import Emit, HostDone, HostStatus, HostStep, Notice, ResourceDone, ResourceStatus, Step
from cdconf.inventory import load_toggles
from cdconf.inventory.toggles import FILE, toggles_path, word
from cdconf.inventory.toggles_edit import switched
from cdconf.promotion.changing import running_artifacts

if TYPE_CHECKING:
    from cdconf.inventory import App, Environment, Host, Project, Toggle
    from cdconf.promotion.said import Subject
    from cdconf.session import Session
    from cdconf.session.app_answers import AppStatus, TogglesLook


@dataclass(frozen=True)
class ToggleChange:
    """What is to become of a toggle, and how: with `check`, it's only looked at.

    Attributes:
        gate: Judges, while the hosts are held, whether anything may be changed on hosts that run these artifacts.
    """

    app: App
    toggle: Toggle
    on: bool
    connecting: Connecting = USUAL
    check: bool = False
    gate: Callable[[Sequence[Subject]], None] = lambda running: None


def toggle(project: Project, environment: Environment, change: ToggleChange, emit: Emit) -> dict[str, Any]:
    """Switches a toggle on every host of its app, batch by batch, health checks and smoke tests after each.

    Returns:
        Facts for the JSON document: `from`, `to`, `hosts_touched`, `file` and `differs` (with `check`: whether
        anything would change).

    Raises:
        Unreachable: A host doesn't answer; nothing was changed, or everything was put back.
        GateClosed: A lease is held, or a deployment was interrupted; nothing was changed.
        HostFailed: It failed, or didn't prove well, and was put back on every touched host.
        InvalidFile: toggles.yml breaks a rule, or can't be changed safely; nothing was changed.
    """
    check_smoke(project, app_members(environment, change.app))
    reason = f"toggle {change.app.name} {change.toggle.name} {word(change.on)}"
    with open_fleet(project, environment, reason, emit, change.connecting) as fleet:
        hosts = app_hosts(project, environment, change.app)
        _connect(fleet, hosts, emit, lease=not change.check)
        # Read when the lease is held: another run from this checkout may just have changed it.
        values = load_toggles(project, environment.name)[change.app.name]
        tests = deciding(project, environment, [change.app], hosts, emit)
        run = Toggling(project, environment, fleet, change, values, emit, tests)
        return run.look(hosts) if change.check else run.run(hosts)


def _connect(fleet: Fleet, hosts: list[Host], emit: Emit, *, lease: bool) -> None:
    errors = fleet.connect(hosts, lease=lease)
    refuse(errors, emit)
    for name, error in errors.items():
        report(emit, name, error)
    for error in errors.values():
        raise error


@dataclass
class Toggling:
    """One change over hosts that are connected; leased, unless they're only looked at."""

    project: Project
    environment: Environment
    fleet: Fleet
    change: ToggleChange
    values: Values
    emit: Emit
    deciding: Deciding | None = None
    touched: list[Host] = field(default_factory=list)
    serving: set[str] = field(default_factory=set)
    pages: dict[str, AppStatus] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._app = self.change.app.document() | document_of(self.change.app, self.values)
        self._path = toggles_path(self.project, self.environment.name)
        self._shown = f"{self.project.shown_folder(self.environment.name)}/{FILE}"
        self._before = self.values[self.change.toggle.name].on

    def look(self, hosts: list[Host]) -> dict[str, Any]:
        """Says what would change."""
        lacking = self._lacking(hosts)
        for host in hosts:
            self._done(host, "would_change" if host in lacking else "ok")
        return self._result([], differs=bool(lacking) or self._before != self.change.on)

    def run(self, hosts: list[Host]) -> dict[str, Any]:
        """Makes the change, or puts everything back."""
        lacking = self._lacking(hosts)
        in_file = self._before != self.change.on
        for host in hosts if not in_file else ():
            if host not in lacking:
                self._done(host, "ok")
        if not lacking and not in_file:
            self.emit(Notice(f"{self.change.toggle.name} is {word(self.change.on)} everywhere already"))
            return self._result([], differs=False)
        self.change.gate(running_artifacts(self.change.app.name, self.pages))
        if in_file:
            self._check_file()
        try:
            failures = self._try_out(hosts if in_file else lacking)
            if not failures and in_file:
                self._write_down()
        except BaseException as error:
            end = self._settle if in_file and self._is_written() else self._put_back
            self._whole(end, after=error)
            if isinstance(error, OSError):
                raise CdconfError(f"can't change {self._shown}: {error.strerror}") from error
            raise
        if failures:
            stuck = self._whole(self._put_back)
            raise put_back_error(failures, stuck)
        self._whole(self._settle)
        return self._result(self.touched, differs=True)

    def _result(self, touched: list[Host], *, differs: bool) -> dict[str, Any]:
        words = {"from": word(self._before), "to": word(self.change.on)}
        return {**words, "hosts_touched": [host.name for host in touched], "file": self._shown, "differs": differs}

    def _lacking(self, hosts: list[Host]) -> list[Host]:
        """The hosts on which the toggle isn't, or isn't surely, as it's to be.

        Raises:
            GateClosed: A deployment of the app was interrupted, so that nobody knows what would be proven.
        """
        name, on = self.change.toggle.name, self.change.on

        def ask(session: Session) -> tuple[AppStatus, TogglesLook]:
            return session.app_status(self._app), session.toggles_look(self._app)

        found = self.fleet.each(hosts, ask).all()
        lacking = []
        for host in hosts:
            page, look = found[host.name]
            self.pages[host.name] = page
            if page["activating"] is not None and not self.change.check:
                release = page["activating"]["to"]
                raise GateClosed(
                    f"the deployment of {release} on {host.name} was interrupted",
                    hint=f"end it first: `cdconf deploy {self.change.app.name} --to {self.environment.name} --resume`",
                )
            if page["linked"]:
                self.serving.add(host.name)
            self._tell_of_others(host, look)
            here = (look["values"] or {}).get(name)
            if here != on or look["problem"] or look["trial"] or look["reload_due"]:
                lacking.append(host)
        return lacking

    def _tell_of_others(self, host: Host, look: Mapping[str, Any]) -> None:
        """Other toggles stay as they are on the host: this checkout may be older than what's there."""
        name = self.change.toggle.name
        others = {one: value for one, value in self.values.items() if one != name}
        here = {one: on for one, on in (look["values"] or {}).items() if one != name}
        found = differences(self.change.app, others, {**look, "values": here, "problem": None, "reload_due": False})
        if look["values"] is not None and found.lines:
            lines = "; ".join(found.lines)
            self.emit(Notice(f"{host.name}: differs from this inventory, and was left alone: {lines}", warning=True))

    def _check_file(self) -> None:
        """Finds out before anything is changed whether the file can be."""
        self._edited()
        if not os.access(self._path if self._path.exists() else self._path.parent, os.W_OK):
            raise CdconfError(f"can't change {self._shown}: it isn't writable")

    def _edited(self) -> str:
        text = self._path.read_text(encoding="utf-8") if self._path.is_file() else ""
        return switched(text, self.change.app.name, self.change.toggle.name, self.change.on, self._shown)

    def _write_down(self) -> None:
        try:
            files.write_atomic(str(self._path.resolve()), self._edited().encode())
        except Failed as error:
            raise CdconfError(error.message) from error
        is_in_git = self.environment.name not in self.project.throwaways()
        self.emit(Notice(f"{self._shown} was changed{': commit it' if is_in_git else ''}"))

    def _try_out(self, hosts: list[Host]) -> dict[str, Failure]:
        by_name = {host.name: host for host in hosts}
        if not self.serving & set(by_name):
            self.emit(Notice(f"no release of {self.change.app.name} runs here yet, so nothing can be tested"))
        batches = split(list(by_name), self.change.app.batches)
        for number, names in enumerate(batches, 1):
            batch = [by_name[name] for name in names]
            what = f"{self.change.toggle.name} {word(self.change.on)}"
            self.emit(Step(f"batch {number} of {len(batches)}: {what}: {', '.join(names)}"))
            self.touched += batch
            failures = self._each(batch, self._try_one) or self._prove(batch)
            if failures:
                return failures
        return {}

    def _each(self, hosts: list[Host], job: Callable[[Session], None]) -> dict[str, Failure]:
        _, errors = self.fleet.each(hosts, job).split()
        return {name: failure_of(error) for name, error in errors.items()}

    def _try_one(self, session: Session) -> None:
        self.emit(HostStep(session.host.name, "switching"))
        session.toggles_try_out(self._app, toggle=self.change.toggle.name, on=self.change.on)

    def _prove(self, batch: list[Host]) -> dict[str, Failure]:
        serving = [host for host in batch if host.name in self.serving]
        if not serving:
            return {}
        failures = self._each(serving, lambda session: wait_for_health(session, self.change.app, self.emit))
        if failures:
            return failures
        return smoke(self.project, self.environment, self.fleet, serving, self.emit, self.deciding)

    def _is_written(self) -> bool:
        """Whether the decision was made, when a signal came in its very moment."""
        try:
            values = load_toggles(self.project, self.environment.name)[self.change.app.name]
        except CdconfError:
            return False
        return values[self.change.toggle.name].on == self.change.on

    def _whole(
        self, end: Callable[[], dict[str, Failure]], *, after: BaseException | None = None
    ) -> dict[str, Failure]:
        """Does what mustn't be left half done; a first signal in the midst of it doesn't keep it from its end.

        Args:
            end: What to do.
            after: What ended the run. Of what nobody has foreseen it may be the events' own receiver that failed, so
                that none of them can keep hosts from their end any more.

        Raises:
            Interrupted: The signal, once it's done; a second one ends it.
        """
        if after is not None:
            self.fleet.resume()
            if not isinstance(after, (CdconfError, KeyboardInterrupt, OSError)):
                self.emit = unheeded(self.emit)
        try:
            return end()
        except (Interrupted, KeyboardInterrupt):
            self.fleet.resume()
            end()
            raise

    def _put_back(self) -> dict[str, Failure]:
        """Ends the trial on every touched host, the newest first; returns the errors of those that couldn't."""

        def job(session: Session) -> None:
            self.emit(HostStep(session.host.name, "putting back"))
            session.toggles_put_back(self._app)
            self.emit(HostDone(session.host.name, "rolled_back", f"{self.change.toggle.name} put back"))

        stuck = self._each(self.touched[::-1], job)
        for name, why in stuck.items():
            status: HostStatus = "unreachable" if why.unreachable else "failed"
            self.emit(HostDone(name, status, f"could not be put back: {why.message}"))
        return stuck

    def _settle(self) -> dict[str, Failure]:
        """The decision is made and written down; a host that doesn't hear of it is put right by the next run."""

        def job(session: Session) -> None:
            session.toggles_settle(self._app)

        _, errors = self.fleet.each(self.touched, job).split()
        for host in self.touched:
            error = errors.get(host.name)
            if error is None:
                self._done(host, "changed")
            else:
                report(self.emit, host.name, error)
        for name, error in errors.items():
            kind = Unreachable if isinstance(error, Unreachable) else HostFailed
            message = f"has the change, but couldn't be told that it stays: {error.message}"
            raise kind(message, host=name, hint="the next `cdconf toggle` or `cdconf provision` settles it")
        return {}

    def _done(self, host: Host, status: ResourceStatus) -> None:
        name = self.change.toggle.name
        diff = None if status == "ok" else f"{name}: {word(self._before)} -> {word(self.change.on)}\n"
        path, source = self.change.app.toggles_file, self.values[name].source
        self.emit(ResourceDone(host.name, "toggles", path, status, source, diff))
        self.emit(HostDone(host.name, "ok" if status == "ok" else "changed"))
