"""Runs a migration of an app's database: once in an environment, on one host; every host of the app learns of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdconf.databases.applied_migrations import Entry, Shape, told
from cdconf.errors import CdconfError, HostFailed
from cdconf.events import Emit, HostStep, Notice, ResourceDone, ResourceStatus

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host
    from cdconf.session import Session


class MigrationFailed(HostFailed):
    """The migration's command failed, or took too long; `verdict`, since it's the release's own."""

    kind = "migration_failed"


class Migrations:
    """An app's migrations in an environment whose hosts are all connected and leased.

    Args:
        fleet: Its sessions; hosts that aren't the app's are left alone.
        app: The app.
        document: What agents know of the app.
        emit: The event stream.
    """

    def __init__(self, fleet: Fleet, app: App, document: dict[str, object], emit: Emit) -> None:
        self._fleet = fleet
        self._app = app
        self._document = document
        self._emit = emit
        members = [session.host for session in fleet.sessions.values()]
        self._hosts: list[Host] = [host for host in members if app.runs_on(host)]

    def shape(self) -> Shape:
        """What all hosts remember; raises the first host's error."""

        def entries(session: Session) -> list[Entry]:
            return [*session.migrations_memory(self._document)["entries"]]

        return Shape(self._fleet.each(self._hosts, entries).all())

    def expand(self, artifact: Artifact, host: str) -> dict[str, CdconfError]:
        """Expands the database for a release that is on `host`, unless that was done; returns errors by host.

        What counts is the content: the same tree under another version was expanded as well.
        """
        command = self._app.migrate.expand
        try:
            shape = self.shape()
        except CdconfError as error:
            return {error.host or host: error}
        done = shape.done("expand", artifact.tree, command)
        if done:
            if command is not None:
                self.known(done)
            return self.spread(shape, shape.entries)
        entry = shape.next("expand", artifact.tree, artifact.release, command, host, self._fleet.identity.run)
        if command is None:
            now = round(time.time())
            return self.spread(shape, [*shape.entries, {**entry, "state": "done", "began": now, "ended": now}])
        return self.run(shape, entry)

    def expand_each(self, artifact: Artifact, hosts: Sequence[Host]) -> dict[str, CdconfError]:
        """Expands the database of each of these hosts, unless that was done there; returns errors by host."""
        results, failed = self._fleet.each(hosts, lambda session: self._own(session, artifact)).split()
        return failed | {name: error for name, error in results.items() if error is not None}

    def _own(self, session: Session, artifact: Artifact) -> MigrationFailed | None:
        """Migrates a host's own database, of which this host alone remembers what ran."""
        name, command = session.host.name, self._app.migrate.expand
        shape = Shape({name: [*session.migrations_memory(self._document)["entries"]]})
        if command is None or shape.done("expand", artifact.tree, command):
            return None
        before = shape.find("expand", artifact.tree)
        if before and before["state"] == "begun":
            self._emit(Notice(f"{told(before)}: it's run again", warning=True))
        entry = shape.next("expand", artifact.tree, artifact.release, command, name, self._fleet.identity.run)
        return self.run_own(session, entry)

    def run_own(self, session: Session, entry: Entry) -> MigrationFailed | None:
        """Runs a migration of a host's own database; that host alone writes down how it ended."""
        return self._run(session, entry)[1]

    def expand_again(self, artifact: Artifact, hosts: Sequence[Host]) -> None:
        """Expands the database beneath a release that runs already; raises what went wrong."""
        if not self._app.migrate:
            return
        each = self._app.migrate.each
        errors = self.expand_each(artifact, hosts) if each else self.expand(artifact, hosts[0].name)
        for error in errors.values():
            raise error

    def forget(self) -> None:
        """Makes every host forget all of the app's migrations; raises the first host's error."""

        def job(session: Session) -> None:
            session.migrations_forget(self._document)

        self._fleet.each(self._hosts, job).all()

    def known(self, done: Entry) -> None:
        """Says that a migration isn't run again."""
        self._emit(Notice(f"{told(done)}: it isn't run again"))

    def run(self, shape: Shape, entry: Entry) -> dict[str, CdconfError]:
        """Runs a migration and tells every host how it ended; returns errors by host."""
        before = shape.find(entry["phase"], entry["tree"])
        if before and before["state"] == "begun":
            self._emit(Notice(f"{told(before)}: it's run again", warning=True))
        host = next(one for one in self._hosts if one.name == entry["host"])
        results, failed = self._fleet.each([host], lambda session: self._run(session, entry)).split()
        if failed:
            return failed
        ended, error = results[host.name]
        errors = self.spread(shape, [*shape.entries, ended])
        return {host.name: error} if error else errors

    def _run(self, session: Session, entry: Entry) -> tuple[Entry, MigrationFailed | None]:
        """How it ended, and the error when it ended badly."""
        name, phase = session.host.name, entry["phase"]
        self._emit(HostStep(name, f"{phase} migration"))
        migrate = self._app.migrate
        result = session.migrations_run(
            self._document,
            entry=entry,
            user=self._app.user,
            env_file=self._app.env_file,
            within=migrate.within,
        )
        ended, problem, output = result["entry"], result["problem"], result["output"].strip()
        status: ResourceStatus = "failed" if problem else "changed"
        source = f"{self._app.file}:{self._app.line}"
        shown = None if problem else output or None  # the error has it
        self._emit(ResourceDone(name, "migration", f"{phase} {entry['version']}", status, source, None, shown))
        if not problem:
            return ended, None
        detail = output if ended["status"] is None else f"exit status: {ended['status']}\n{output}"
        return ended, MigrationFailed(f"the {phase} migration {problem}", host=name, detail=detail.strip() or None)

    def spread(self, shape: Shape, entries: list[Entry]) -> dict[str, CdconfError]:
        """Tells every host that doesn't know all of it; returns errors by host."""
        together = Shape({"": entries}).entries
        lacking = [host for host in self._hosts if shape.lacks(host.name, together)]

        def tell(session: Session) -> None:
            session.migrations_learn(self._document, entries=together)

        _, errors = self._fleet.each(lacking, tell).split()
        return errors
