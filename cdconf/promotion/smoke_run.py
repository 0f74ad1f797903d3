"""Smoke tests of an environment that a stage names: how long its hosts hold which releases, and what fails there.

A green run lets hosts' ledgers speak, signed with the stage's key. A red one fails the stage and stops the release:
what was proven once and doesn't prove well any more goes no further.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import ArtifactStore
from cdconf.artifacts.backends import place_of
from cdconf.errors import ArtifactError, CdconfError, UsageError
from cdconf.events import Collector, Emit, Notice
from cdconf.promotion import office_keys
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.heads import journal_head
from cdconf.promotion.looks import LedgerLook, looks
from cdconf.promotion.office_keys import OfficeKey
from cdconf.promotion.offices import stage_office
from cdconf.promotion.reasons import span
from cdconf.promotion.said import Held, HeldPeriod, Subject
from cdconf.promotion.saying import say
from cdconf.promotion.soaking import Span, by_all, length
from cdconf.promotion.stage_of_run import check_stage
from cdconf.promotion.stage_run import StageRun

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.inventory.pipeline import Stage

GROWN = 1.1  # by how much more must be known, for it to be said unasked: else a cron job would fill the store


@dataclass
class SmokeRun:
    """One run of `smoke`, as the pipeline sees it.

    Attributes:
        stage: The stage whose environment it is; None when no stage names it.
        demanded: Whether the operator has asked for the stage: then what keeps it from being said is an error.
        isolated: Tells, at the end, whether all of the commit's own code that ran couldn't reach any key.
        extra: Gets what was said, for the JSON document.
    """

    project: Project
    environment: Environment
    stage: Stage | None
    collector: Collector
    emit: Emit
    isolated: Callable[[], bool]
    demanded: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    _key: OfficeKey | None = None
    _before: Mapping[str, LedgerLook] = field(default_factory=dict)

    def begin(self) -> None:
        """Looks for the stage's key, before any host is asked; raises `CdconfError` where it's demanded."""
        if self.stage is not None:
            office = stage_office(self.stage.name)
            if self.demanded:
                check_stage(self.project, self.stage)
            find = office_keys.needed if self.demanded else office_keys.own
            self._key = find(self.project, office)

    def look(self, fleet: Fleet, hosts: Sequence[Host]) -> None:
        """Notes what hosts hold before the tests."""
        if self._key is not None:
            self._before = looks(fleet, hosts, self.emit)

    def ended(self, fleet: Fleet, red: Mapping[str, Mapping[str, str]], unproven: Collection[str]) -> None:
        """Says what the tests have shown.

        Args:
            fleet: Connected to the hosts.
            red: App -> host -> why it doesn't prove well there.
            unproven: The hosts on which anything failed, or on which nothing could be tested.

        Raises:
            ArtifactError: The stage was demanded, and nothing could be said of it.
            UsageError: The same, since not all hosts were asked.
        """
        if self._key is None or self.stage is None:
            return
        hosts = list(self.environment.hosts.values())
        after = looks(fleet, [host for host in hosts if host.name in fleet.sessions], self.emit)
        told = False
        for app in self.project.apps.values():
            members = [host.name for host in hosts if app.runs_on(host)]
            failed = {name: why for name, why in red.get(app.name, {}).items() if name in members}
            if failed:
                self._fail(app, failed, after)
            elif members and not set(members) & set(unproven) and self._is_steady(app, members, after):
                told |= self._tell(app, {name: after[name] for name in members})
        if self.demanded and not told and not unproven:
            text = f"nothing can be said of stage '{self.stage.name}': its hosts have held no release at the same time"
            raise ArtifactError(text, hint="every host of the app must run the same release, deployed from a commit")

    def _is_steady(self, app: App, members: Sequence[str], after: Mapping[str, LedgerLook]) -> bool:
        """Whether all hosts were asked, and nothing came in between."""
        missing = [name for name in members if name not in after or name not in self._before]
        if missing:
            if self.demanded:
                hint = "leave --limit out, and see that all hosts answer"
                raise UsageError(f"{', '.join(missing)} of {app.name} weren't tested", hint=hint)
            return False
        known = [(self._before[name].pages.get(app.name), after[name].pages.get(app.name)) for name in members]
        return all(first == second and not (second is not None and second["activating"]) for first, second in known)

    def _fail(self, app: App, failed: Mapping[str, str], after: Mapping[str, LedgerLook]) -> None:
        """Fails the stage for what the hosts held before the tests and after them, and stops it."""
        name, why = next(iter(failed.items()))
        held = {host: (self._before.get(host), after.get(host)) for host in failed}
        archives = {
            look.current(app.name) for look, other in held.values() if look and other and _same(look, other, app)
        }
        for archive in sorted(one for one in archives if one is not None):
            artifact = ArtifactStore(self.project).with_archive(archive)
            if artifact is None:
                text = f"{name} runs an artifact of '{app.name}' that the store hasn't, so it can't be stopped"
                self.emit(Notice(text, warning=True))
                continue
            line = StageRun(
                self.project,
                self.environment,
                self.stage,
                self.collector,
                self.emit,
                self.isolated,
                extra=self.extra,
            )
            line.begin(app.name)
            line.failed(artifact, f"{name}: {why}")

    def _tell(self, app: App, seen: Mapping[str, LedgerLook]) -> bool:
        """Says for how long the hosts have held each release of which they know; whether any is known."""
        archives = {one for look in seen.values() for one in look.archives(app.name)}
        told = False
        store = ArtifactStore(self.project)
        for archive in sorted(archives):
            periods = by_all([look.periods(app.name, archive) for look in seen.values()])
            artifact = store.with_archive(archive) if periods else None
            if artifact is not None and artifact.app == app.name:
                told = True
                self._say(artifact, periods, seen)
        return told

    def _say(self, artifact: Artifact, periods: Sequence[HeldPeriod], seen: Mapping[str, LedgerLook]) -> None:
        if self._key is None or self.stage is None:
            return
        is_current = all(look.current(artifact.app) == artifact.archive for look in seen.values())
        known = self._known(artifact)
        spans = [(period.begins, period.ends) for period in periods]
        if not (self.demanded and is_current) and length([*known, *spans]) < length(known) * GROWN:
            return
        held = Held(
            subject=Subject.of(artifact),
            project=self.project.name,
            app=artifact.app,
            version=artifact.version,
            stage=self.stage.name,
            environment=self.environment.name,
            copy_of=self.environment.copy_of,
            periods=tuple(periods),
            hosts={name: {"identity": {"environment": self.environment.name, "host": name}} for name in seen},
            at=time.time(),
            isolated=self.isolated(),
        )
        try:
            name = say(place_of(self.project), held, self._key, journal_head(self.project))
        except ArtifactError as error:
            if self.demanded:
                raise
            text = f"for how long {artifact.label} was held couldn't be stored: {error.message}"
            self.emit(Notice(text, warning=True))
            return
        self.extra.setdefault("statements", []).append(name)
        isolated = "" if held.isolated else ", though not isolated from the stage's key"
        held_for = f"{self.environment.name} has held {artifact.label} for {span(length(spans))}"
        self.emit(Notice(f"{held_for}, proven well{isolated}: {name}"))

    def _known(self, artifact: Artifact) -> list[Span]:
        """When it's known already to have been held here, as the stage's key has said."""
        try:
            proofs = Evidence.of(self.project, lambda event: None).proofs(artifact.archive)
        except CdconfError:
            return []
        said = [proof.said for proof in proofs if proof.refusal is None and isinstance(proof.said, Held)]
        own = [one for one in said if (one.stage, one.environment) == (self._stage_name, self.environment.name)]
        return [(period.begins, period.ends) for one in own for period in one.periods]

    @property
    def speaks(self) -> bool:
        """Whether anything can be said: the stage's key is here."""
        return self._key is not None

    @property
    def _stage_name(self) -> str:
        return self.stage.name if self.stage else ""


def _same(before: LedgerLook, after: LedgerLook, app: App) -> bool:
    return before.current(app.name) == after.current(app.name)
