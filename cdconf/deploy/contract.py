"""`contract`: removes from an app's database what its current release doesn't need, once nothing else can need it.

A contract can't be undone. So it runs only where every host of the app runs the same verified release, and no host
could go back to another one: whatever was verified before may need what's removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.databases.applied_migrations import Entry, Pages, Shape, told, version_of
from cdconf.databases.migrate import Migrations
from cdconf.drift import changed_files, drifted
from cdconf.engine import USUAL, Connecting, Fleet
from cdconf.errors import DIFFERENT, OK, CdconfError, GateClosed, Unreachable, first_line
from cdconf.events import Emit, HostDone, HostStatus, Notice, ResourceDone, Step
from cdconf.promotion.changing import running_artifacts

if TYPE_CHECKING:
    from cdconf.inventory import App, Host
    from cdconf.promotion.said import Subject
    from cdconf.session import Session


@dataclass(frozen=True)
class ContractOptions:
    """How a contract goes about it; see the command line's help.

    Attributes:
        gate: Judges, while the hosts are held, whether the artifacts that they run may be contracted now.
    """

    check: bool = False
    forget_older: bool = False
    connecting: Connecting = USUAL
    gate: Callable[[Sequence[Subject]], None] = lambda running: None


@dataclass(frozen=True)
class Decision:
    """What is to be contracted.

    Args:
        host: Where it's to be run: the first host that runs the release.
        release: The release that every host runs, by its name there.
        tree: Its tree digest.
        archive: Its archive's digest.
        older: Host -> the releases that it could go back to, and that must be given up.
    """

    host: str
    release: str
    tree: str
    archive: str
    older: dict[str, list[str]]

    @property
    def version(self) -> str:
        """The release's version."""
        return version_of(self.release)


def decide(app: App, environment: str, pages: Pages, leases: Mapping[str, Mapping[str, Any] | None]) -> Decision:
    """Finds what may be contracted; pure.

    Args:
        app: The app.
        environment: The environment's name, for hints.
        pages: Host -> what its agent's `app.status` says. A host that never had a release is fine.
        leases: Host -> who else holds it, None for nobody.

    Raises:
        GateClosed: A host isn't as its ledger says, or hosts run different releases, or none does.
    """
    running = {host: page for host, page in pages.items() if page["verified"] or page["linked"]}
    for host, page in running.items():
        problem = drifted(dict(page), leases.get(host))
        if problem:
            raise GateClosed(
                f"{host} doesn't run what was verified there: {problem.strip()}",
                hint=f"deploy again, or end what was interrupted with --resume; see `cdconf status {environment}`",
            )
    if not running:
        raise GateClosed(f"no host of '{app.name}' has a verified release", hint="deploy one first")
    here = {host: page["verified"][-1] for host, page in running.items()}
    for host, release in here.items():
        if release not in running[host]["releases"]:
            hint = f"deploy it anew there: `cdconf deploy {app.name} --to {environment}`"
            raise GateClosed(f"{host} has forgotten what its verified release '{release}' was made of", hint=hint)
    trees = {host: page["releases"][here[host]]["tree"] for host, page in running.items()}
    if len(set(trees.values())) > 1:
        what = ", ".join(f"{host} runs {name}" for host, name in here.items())
        raise GateClosed(
            f"the hosts of '{app.name}' don't run the same release, and one may need what another removes: {what}",
            hint=f"deploy one of them to all: `cdconf deploy {app.name}@VERSION --to {environment}`",
        )
    older = {
        host: [name for name in page["verified"] if name in page["releases"] and name != here[host]]
        for host, page in running.items()
    }
    host, release = next(iter(here.items()))
    archive = running[host]["releases"][release]["archive"]
    return Decision(host, release, trees[host], archive, {name: names for name, names in older.items() if names})


class Contract:
    """One run over the app's hosts, which are connected, and leased unless it only looks."""

    def __init__(
        self, fleet: Fleet, app: App, hosts: Sequence[Host], emit: Emit, options: ContractOptions, facts: dict[str, Any]
    ) -> None:
        self._fleet = fleet
        self._app = app
        self._document = app.document()
        self._hosts = hosts
        self._emit = emit
        self._options = options
        self._facts = facts
        self._migrations = Migrations(fleet, app, self._document, emit)

    def run(self) -> int:
        """See `contract`."""
        pages: Pages = self._fleet.each(self._hosts, lambda session: session.app_status(self._document)).all()
        shape = Shape.of(pages)
        leases = {name: session.lease for name, session in self._fleet.sessions.items()}
        decision = decide(self._app, self._fleet.environment.name, pages, leases if self._options.check else {})
        self._facts |= {"release": decision.release, "version": decision.version, "artifact": decision.archive}
        done = shape.done("contract", decision.tree, self._app.migrate.contract)
        if done:
            return self._ran_before(shape, done)
        self._check(decision, shape)
        self._facts["forgotten"] = decision.older
        if self._options.check:
            return self._would_run(decision, shape, leases)
        self._options.gate(running_artifacts(self._app.name, pages))
        return self._contract(decision, shape, pages)

    def _check(self, decision: Decision, shape: Shape) -> None:
        """Refuses what isn't safe to contract from, or with."""
        expanded = shape.find("expand", decision.tree)
        if expanded and expanded["state"] != "done":
            raise GateClosed(told(expanded), hint="deploy the release again, so that it's expanded first")
        if decision.older and not self._options.forget_older:
            what = "; ".join(f"{host} to {', '.join(names)}" for host, names in decision.older.items())
            again = f"cdconf contract {self._app.name} --env {self._fleet.environment.name} --forget-older"
            raise GateClosed(
                f"hosts could go back to releases that need what the contract of {decision.version} removes: {what}",
                hint=f"once you won't go back: `{again}` gives those releases up for good, then contracts",
            )
        host = [one for one in self._hosts if one.name == decision.host]
        found = self._fleet.each(host, lambda session: changed_files(session, self._app)).all()
        if found[decision.host]:
            changed = first_line(found[decision.host])
            raise GateClosed(
                f"{decision.host}: the files of {decision.release} were changed by hand: {changed}",
                hint="deploying the same version again puts them back",
            )

    def _ran_before(self, shape: Shape, done: Entry) -> int:
        """Only hosts that don't know it yet are told."""
        self._facts |= {"state": "ran_before", "migration": done, "forgotten": {}}
        self._migrations.known(done)
        if not self._options.check:
            self._raise(self._migrations.spread(shape, shape.entries))
        for host in self._hosts:
            self._emit(HostDone(host.name, "ok"))
        return OK

    def _would_run(self, decision: Decision, shape: Shape, leases: Mapping[str, Mapping[str, Any] | None]) -> int:
        self._facts |= {"state": "would_run", "migration": shape.find("contract", decision.tree)}
        for name, names in decision.older.items():
            self._emit(Notice(f"{name} would no longer go back to {', '.join(names)}"))
        what, source = f"contract {decision.version}", f"{self._app.file}:{self._app.line}"
        text = f"would run {self._app.migrate.contract}"
        self._emit(ResourceDone(decision.host, "migration", what, "would_change", source, None, text))
        for name, lease in leases.items():
            if lease:
                text = f"{name} is held by {lease['owner']} ({lease['reason']}): until that ends it would be refused"
                self._emit(Notice(text, warning=True))
        for host in self._hosts:
            self._emit(HostDone(host.name, "changed" if host.name == decision.host else "ok"))
        return DIFFERENT

    def _contract(self, decision: Decision, shape: Shape, pages: Pages) -> int:
        """Every host knows that it begins before it does: from then on none goes back, whatever becomes of it."""
        command = self._app.migrate.contract
        entry = shape.next(
            "contract", decision.tree, decision.release, command, decision.host, self._fleet.identity.run
        )
        trees = {pages[host]["releases"][name]["tree"] for host, names in decision.older.items() for name in names}
        before = shape.find("contract", decision.tree)
        forgotten = sorted(trees | set(before["forgotten"] if before else ()))
        entry = {**entry, "began": round(time.time()), "forgotten": forgotten}
        self._emit(Step(f"contract migration: {decision.host}"))
        self._raise(self._migrations.spread(shape, [*shape.entries, entry]))
        self._give_up(decision)
        errors = self._migrations.run(shape, entry)
        for host in self._hosts:
            changed = host.name == decision.host or host.name in decision.older
            self._emit(HostDone(host.name, status_of(errors.get(host.name), changed=changed)))
        self._raise(errors)
        ran = self._migrations.shape().find("contract", decision.tree)
        self._facts |= {"state": "ran", "migration": ran}
        return OK

    def _give_up(self, decision: Decision) -> None:
        def job(session: Session) -> None:
            older = decision.older[session.host.name]
            session.migrations_give_up(self._document, releases=older)
            self._emit(Notice(f"{session.host.name} no longer goes back to {', '.join(older)}"))

        self._fleet.each([host for host in self._hosts if host.name in decision.older], job).all()

    def _raise(self, errors: Mapping[str, CdconfError]) -> None:
        for error in errors.values():
            raise error


def status_of(error: CdconfError | None, *, changed: bool) -> HostStatus:
    """How a host ends."""
    if error is None:
        return "changed" if changed else "ok"
    return "unreachable" if isinstance(error, Unreachable) else "failed"
