"""A provision as the pipeline sees it: its roles must have passed the stages before, and may pass one here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.backends import place_of
from cdconf.clocks import Clock
from cdconf.errors import ArtifactError, CdconfError
from cdconf.events import Collector, Emit, Notice
from cdconf.promotion import office_keys
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.gates import closed
from cdconf.promotion.heads import journal_head
from cdconf.promotion.judge import CandidateLink
from cdconf.promotion.office_keys import OfficeKey
from cdconf.promotion.offices import stage_office
from cdconf.promotion.overrides import check_reason, override_roles
from cdconf.promotion.pins import check_pins
from cdconf.promotion.requirements import requirements_of
from cdconf.promotion.role_proofs import applied_roles, judge_roles, roles_on, stage_of, trees_of
from cdconf.promotion.said import RolesProof
from cdconf.promotion.saying import say_of_trees, tool_digest
from cdconf.promotion.stage_of_run import check_stage
from cdconf.promotion.times import time_links

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Host, Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.requirements import Requirements

CANT_WAIT = "what can't wait passes with `--override REASON`, which everybody sees"
NOT_COMMITTED = "roles as a commit has them"


@dataclass
class ProvisionRun:
    """One run of `provision`.

    Attributes:
        hosts: Those that it's about.
        narrowed: What keeps it from being about the whole environment as its files say: `--limit web`, `-e x`.
        variables: Names of the variables that `-e` sets.
        stage: The name of the stage that it's a part of; the one to which the environment belongs if not given.
        collector: Knows the run's id.
        isolated: Tells, at the end, whether all of the commit's own code that ran couldn't reach any key.
        extra: Gets what was judged and said, for the JSON document.
        clock: What time it is.
    """

    project: Project
    environment: Environment
    hosts: Sequence[Host]
    collector: Collector
    emit: Emit
    isolated: Callable[[], bool]
    roles: Sequence[str] = ()
    narrowed: str = ""
    variables: Sequence[str] = ()
    stage: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    began: float = field(default_factory=time.time)
    _trees: Mapping[str, str] = field(default_factory=dict)
    _commit: str = ""
    _key: OfficeKey | None = None
    _passed: frozenset[str] = frozenset()

    def begin(self) -> None:
        """Finds out what can be said at the end, before anything is done: files may be changed meanwhile."""
        stage = self._stage
        if stage is None:
            return
        try:
            check_stage(self.project, stage)
            self._key = office_keys.own(self.project, stage_office(stage.name))
            if self._key is not None and self.narrowed:
                text = (
                    f"{self.narrowed} leaves something out, so this run can't prove that stage '{stage.name}' is passed"
                )
                self.emit(Notice(text))
                self._key = None
            elif self._key is not None:
                self._read()
        except CdconfError as error:
            self._key = None
            text = f"this run can't prove that stage '{stage.name}' is passed: {error.message}"
            self.emit(Notice(text, warning=not isinstance(error, NotProvable)))

    @property
    def _stage(self) -> Stage | None:
        named = self.project.pipeline.named(self.stage) if self.stage is not None else None
        return named or stage_of(self.project, self.environment)

    def pass_gate(self, reason: str | None) -> None:
        """Judges the environment's gate for the roles, before any host is asked; writes down that it's overridden.

        Args:
            reason: Why it's passed without what it asks for; None: it isn't.

        Raises:
            ArtifactError: The store or the signers can't be read; the override's key isn't here.
            GateClosed: Something is missing, and the gate isn't overridden.
            UsageError: The reason is too short.
        """
        if reason is not None:
            check_reason(reason)
        wanted = requirements_of(self.project, self.environment)
        check_pins(self.project, wanted.policy)
        if not (wanted.is_guarded or wanted.has_times):
            if reason is not None:
                self.emit(Notice(f"there's nothing to override: {self.environment.name} has no gate for roles"))
            return
        evidence = Evidence.of(self.project, self.emit, clock=self.clock)
        links = self._roles(wanted, evidence) if wanted.is_guarded else []
        links += time_links(wanted, self.clock.counted())
        self.extra["gates"] = [asdict(link) for link in links]
        missing = [link for link in links if link.state == "missing"]
        if not missing:
            if reason is not None:
                self.emit(Notice(f"there's nothing to override: {self.environment.name}'s gate is open"))
            return
        if reason is None:
            first = missing[0]
            hint = f"`{first.command}` brings the first of them" if first.command else None
            hint = hint or ("commit what's changed" if first.name == NOT_COMMITTED else CANT_WAIT)
            raise closed(f"{self.environment.name} can't be provisioned", missing, hint)
        name = override_roles(evidence, self.environment.name, self._trees, missing, reason)
        self._passed = frozenset(link.name for link in missing)
        self.extra |= {"override": reason, "overridden": name}
        listed = ", ".join(link.name for link in missing)
        text = f"OVERRIDDEN: {self.environment.name} is provisioned without: {listed}"
        self.emit(Notice(f"{text}; history and status show this until a proof replaces it ({name})", warning=True))

    def again(self) -> None:
        """Judges once more whether it's the time to begin, by the hosts' clocks, while they're held.

        Raises:
            GateClosed: It isn't, and that wasn't overridden.
        """
        links = time_links(requirements_of(self.project, self.environment), self.clock.counted())
        missing = [link for link in links if link.state == "missing" and link.name not in self._passed]
        if missing:
            what = f"{self.environment.name} can't be provisioned now"
            raise closed(what, missing, f"nothing was changed; {CANT_WAIT}")

    def _roles(self, wanted: Requirements, evidence: Evidence) -> list[CandidateLink]:
        """The links of the roles that would be applied."""
        try:
            self._read()
            applied = applied_roles(self.environment, wanted, evidence)
            return judge_roles(self.environment, wanted, self._trees, applied, evidence)
        except NotProvable as error:
            return [CandidateLink(NOT_COMMITTED, "missing", error.message)]

    def _read(self) -> None:
        """Reads the roles' git trees, unless that was done before.

        Raises:
            NotProvable: The work tree has changes that no commit has; `-e` sets something.
        """
        if self._trees:
            return
        if self.variables:
            text = f"-e sets {', '.join(sorted(self.variables))}, which no commit says"
            raise NotProvable(text, hint="put the value into the inventory, and commit it")
        wanted = list(self.roles) or roles_on(self.project, self.hosts)
        self._commit, self._trees = trees_of(self.project.root, wanted)

    def passed(self) -> None:
        """Says that the environment was provisioned with these roles, when a stage names it and its key is here."""
        stage = self._stage
        if stage is None or self._key is None:
            return
        proof = RolesProof(
            project=self.project.name,
            stage=stage.name,
            environment=self.environment.name,
            copy_of=self.environment.copy_of,
            trees=self._trees,
            result="passed",
            tool=tool_digest(),
            commit=self._commit,
            started=self.began,
            finished=time.time(),
            hosts={host.name: {} for host in self.hosts},
            run=self.collector.run or "",
            isolated=self.isolated(),
        )
        try:
            self.extra["statements"] = say_of_trees(
                place_of(self.project), proof, self._key, journal_head(self.project)
            )
        except ArtifactError as error:
            text = f"that stage '{stage.name}' is passed by these roles couldn't be stored: {error.message}"
            self.emit(Notice(text, warning=True))
            return
        why = f" ({self.collector.not_isolated})" if self.collector.not_isolated else ""
        isolated = "" if proof.isolated else f", though not isolated from the stage's key{why}"
        self.emit(Notice(f"{', '.join(self._trees)} passed stage '{stage.name}'{isolated}"))
