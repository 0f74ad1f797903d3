"""`contract` where every host has a database of its own: each is contracted, and each host remembers its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.databases.applied_migrations import Entry, Pages, Shape
from cdconf.deploy.contract import Contract, Decision, decide, status_of
from cdconf.errors import DIFFERENT, OK, CdconfError
from cdconf.events import HostDone, ResourceDone, Step
from cdconf.promotion.changing import running_artifacts

if TYPE_CHECKING:
    from cdconf.session import Session


class EachContract(Contract):
    """One run over the app's hosts, which are connected, and leased unless it only looks."""

    def run(self) -> int:
        """See `contract`."""
        pages: Pages = self._fleet.each(self._hosts, lambda session: session.app_status(self._document)).all()
        leases = {name: session.lease for name, session in self._fleet.sessions.items()}
        decision = decide(self._app, self._fleet.environment.name, pages, leases if self._options.check else {})
        self._facts |= {"release": decision.release, "version": decision.version, "artifact": decision.archive}
        shapes = {name: Shape.of({name: page}) for name, page in pages.items() if page["verified"]}
        command = self._app.migrate.contract
        lacking = [name for name, shape in shapes.items() if not shape.done("contract", decision.tree, command)]
        if not lacking:
            self._facts |= {"state": "ran_before", "forgotten": {}}
            self._facts["migration"] = shapes[decision.host].find("contract", decision.tree)
            return self._ended({}, ())
        for name in lacking:
            self._check(replace(decision, host=name), shapes[name])
        self._facts["forgotten"] = decision.older
        if self._options.check:
            self._facts |= {"state": "would_run", "migration": None}
            what, source = f"contract {decision.version}", f"{self._app.file}:{self._app.line}"
            for name in lacking:
                event = ResourceDone(name, "migration", what, "would_change", source, None, f"would run {command}")
                self._emit(event)
            self._ended({}, lacking)
            return DIFFERENT
        self._options.gate(running_artifacts(self._app.name, pages))
        return self._contract_each(decision, shapes, pages, lacking)

    def _contract_each(self, decision: Decision, shapes: Mapping[str, Shape], pages: Pages, lacking: list[str]) -> int:
        """Every host knows that it begins before any does: from then on none goes back, whatever becomes of it."""
        hosts = [host for host in self._hosts if host.name in lacking]
        entries = {name: self._entry(decision, shapes[name], pages[name], name) for name in lacking}
        self._emit(Step(f"contract migration: {', '.join(lacking)}"))

        def begin(session: Session) -> None:
            name = session.host.name
            session.migrations_learn(self._document, entries=[*shapes[name].entries, entries[name]])

        def migrate(session: Session) -> CdconfError | None:
            return self._migrations.run_own(session, entries[session.host.name])

        self._fleet.each(hosts, begin).all()
        self._give_up(decision)
        results, errors = self._fleet.each(hosts, migrate).split()
        errors |= {name: error for name, error in results.items() if error is not None}
        self._ended(errors, [*lacking, *decision.older])
        self._raise(errors)
        ran = self._fleet.each(hosts[:1], lambda session: session.migrations_memory(self._document)["entries"]).all()
        first = Shape({name: [*found] for name, found in ran.items()})
        self._facts |= {"state": "ran", "migration": first.find("contract", decision.tree)}
        return OK

    def _entry(self, decision: Decision, shape: Shape, page: Mapping[str, Any], name: str) -> Entry:
        run = self._fleet.identity.run
        entry = shape.next("contract", decision.tree, decision.release, self._app.migrate.contract, name, run)
        trees = {page["releases"][one]["tree"] for one in decision.older.get(name, ())}
        before = shape.find("contract", decision.tree)
        forgotten = sorted(trees | set(before["forgotten"] if before else ()))
        return {**entry, "began": round(time.time()), "forgotten": forgotten}

    def _ended(self, errors: Mapping[str, CdconfError], changed: Sequence[str]) -> int:
        for host in self._hosts:
            self._emit(HostDone(host.name, status_of(errors.get(host.name), changed=host.name in changed)))
        return OK


__all__ = ["EachContract"]
