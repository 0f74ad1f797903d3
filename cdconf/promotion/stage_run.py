"""A deployment as the pipeline sees it: it may make an artifact pass a stage, or stop it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cdconf.artifacts.backends import place_of
from cdconf.errors import ArtifactError, CdconfError, CommandFailed, InvalidFile
from cdconf.events import Collector, Emit, Notice
from cdconf.promotion import office_keys
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.heads import journal_head
from cdconf.promotion.office_keys import OfficeKey
from cdconf.promotion.offices import OVERRIDE, shown, stage_office
from cdconf.promotion.procedure import procedure
from cdconf.promotion.requirements import requirements_of
from cdconf.promotion.said import Proof, Stop, Subject
from cdconf.promotion.saying import say, tool_digest, whoami
from cdconf.promotion.stage_of_run import check_stage, has_command, stage_for
from cdconf.promotion.statement import document, read_statement
from cdconf.promotion.stops import standing
from cdconf.promotion.turns import turn
from cdconf.promotion.unsaid import is_unsaid, run_on_all

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.procedure import Procedure


@dataclass
class StageRun:
    """One run of `deploy`, `rollback` or `deploy --resume`, or of a stage that deploys nothing.

    Attributes:
        environment: Where it deploys to; None: nowhere.
        stage: The stage that it is; None when no stage names the environment.
        demanded: Whether the operator has asked for the stage by its name: then what keeps it from being proven is an
            error, and hosts that run the artifact already get it again.
        collector: Knows the run's id, and its smoke tests.
        isolated: Tells, at the end, whether all of the commit's own code that ran couldn't reach any key.
        gate: Judges the environment's gate; raises `GateClosed`.
        accept: Runs the stage's own command while the hosts are held, with the variables that lend it their leases, and
            returns `{"passed", "failed"}`; raises `CommandFailed` when it's red. None: it has none.
        others: A directory with what the deployments of the stage's other artifacts have proven: said with this one's.
        is_last: Whether this deployment says it; else it leaves its own there.
        extra: Gets what was said, for the JSON document.
        parity: `{"with", "alike"}`, when that was asked.
        read: Reads the procedure of an app; see `Procedures`.
    """

    project: Project
    environment: Environment | None
    stage: Stage | None
    collector: Collector
    emit: Emit
    isolated: Callable[[], bool]
    demanded: bool = False
    gate: Callable[[], None] = lambda: None
    accept: Callable[[Mapping[str, str]], Mapping[str, Any]] | None = None
    others: Path | None = None
    is_last: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] | None = None
    began: float = field(default_factory=time.time)
    read: Callable[[str], Procedure] | None = None
    _accepted: Mapping[str, Any] | None = None
    _procedure: Procedure | None = None
    _key: OfficeKey | None = None

    def begin(self, app: str | None) -> None:
        """Finds out what can be said at the end, before anything is done: files may be changed meanwhile.

        Args:
            app: Whose procedure it is; None when nothing is to be proven.

        Raises:
            ArtifactError: The stage is demanded, and its key isn't here, or can't be read.
            GateClosed: It's demanded, and it isn't what the operator's policy says.
            NotProvable: It's demanded, and the procedure isn't what a commit says.
        """
        if self.stage is None:
            return
        office = stage_office(self.stage.name)
        try:
            check_stage(self.project, self.stage)
            self._key = office_keys.needed(self.project, office) if self.demanded else self._own(office, app)
            if self._key is not None and app is not None:
                self._procedure = self.read(app) if self.read else procedure(self.project.root, "HEAD", app)
        except CdconfError as error:
            if self.demanded:
                raise
            text = f"this run can't prove that stage '{self.stage.name}' is passed: {error.message}"
            self.emit(Notice(text, warning=not isinstance(error, NotProvable)))

    def _own(self, office: str, app: str | None) -> OfficeKey | None:
        found = office_keys.own(self.project, office)
        if found is None and app and Evidence.of(self.project, self.emit).signers.of(office, self.began):
            text = f"this run can't say that stage '{office.rpartition(':')[2]}' is passed: {shown(office)}'s key"
            self.emit(Notice(f"{text} isn't here ({office_keys.private_file(self.project, office)})"))
        return found

    def check(self) -> None:
        """Judges the gate again, once the hosts are held; raises `GateClosed`."""
        self.gate()

    def passed(
        self,
        artifact: Artifact,
        hosts: Mapping[str, Any],
        untouched: Iterable[str] = (),
        lent: Mapping[str, str] | None = None,
    ) -> None:
        """Says that the artifact has passed, while the hosts are still held.

        Args:
            artifact: The artifact.
            hosts: Name -> `{"identity", "fence"}`, of all hosts of the app.
            untouched: Those that ran it already: nothing was tried there.
            lent: The variables that lend the hosts' leases to what's started here.

        Raises:
            ArtifactError: The stage is demanded, and the store can't be written to.
            CommandFailed: The stage's own command is red; the artifact has failed.
        """
        left = list(untouched)
        if left and self._can_say:
            command = f"cdconf deploy {artifact.label} --to {self._where} --stage {self._stage.name}"
            text = f"{', '.join(left)} ran {artifact.label} already, so this run proves nothing of stage"
            self.emit(Notice(f"{text} '{self._stage.name}'; `{command}` deploys it to all hosts again"))
            return
        if not self.is_last:
            self._leave(artifact, hosts)
            return
        if self.accept is None and self._can_say and has_command(self._stage):
            command = f"cdconf deploy {artifact.label} --to {self._where} --stage {self._stage.name}"
            text = f"this run leaves out the command of stage '{self._stage.name}', so it proves nothing of that"
            self.emit(Notice(f"{text}; `{command}` runs it"))
            return
        self._accept(artifact, lent or {})
        for other in self._left():
            self._store(replace(other, acceptance=self._accepted, isolated=other.isolated and self.isolated()))
        self._say("passed", artifact, hosts)

    def is_unsaid(self, artifact: Artifact, deployed: Mapping[str, Mapping[str, Any] | None]) -> bool:
        """Whether one run brought the artifact to all hosts, by this procedure, and couldn't say so.

        Args:
            artifact: What all hosts run.
            deployed: Host -> what it remembers of how it got it, `{"run", "procedure", …}`.
        """
        if self.stage is None or self._key is None or self._procedure is None:
            return False
        digest = self._procedure.digest
        run = run_on_all(deployed, digest)
        if run is None:
            return False
        try:
            proofs = Evidence.of(self.project, self.emit).proofs(artifact.archive)
        except ArtifactError:
            return False
        return is_unsaid(proofs, artifact, self.stage.name, digest, run)

    def _accept(self, artifact: Artifact, lent: Mapping[str, str]) -> None:
        if self.accept is None:
            return
        try:
            self._accepted = self.accept(lent)
        except CommandFailed as error:
            self._accepted = {"passed": 0, "failed": 1}
            for other in self._left():
                self._failed(replace(other, result="failed", acceptance=self._accepted), error.message)
            self.failed(artifact, error.message)
            raise

    def _leave(self, artifact: Artifact, hosts: Mapping[str, Any]) -> None:
        """Leaves what was proven to the stage's last deployment: a stage is passed by all of its artifacts, or none."""
        if self.others is not None and self._can_say:
            text = json.dumps(document(self._proof("passed", artifact, hosts)))
            (self.others / f"{artifact.app}.json").write_text(text, encoding="utf-8")

    def _left(self) -> list[Proof]:
        files = sorted(self.others.glob("*.json")) if self.others is not None else []
        found = [read_statement(json.loads(file.read_text(encoding="utf-8"))) for file in files]
        return [proof for proof in found if isinstance(proof, Proof)]

    def _failed(self, proof: Proof, why: str) -> None:
        try:
            self._store(proof)
            by_app = self.project.pipeline.stop == "app"
            self._stop(None if by_app else proof.subject, proof.app, proof.version, why)
        except ArtifactError as error:
            self.emit(Notice(f"{proof.subject.name} couldn't be stopped: {error.message}", warning=True))

    def failed(self, artifact: Artifact, why: str) -> None:
        """Says that the artifact has failed, and stops it; that it can't be said never hides the failure itself."""
        if self._can_say:
            self._failed(self._proof("failed", artifact, {}), why)
            return
        try:
            by_app = self.project.pipeline.stop == "app"
            self._stop(None if by_app else Subject.of(artifact), artifact.app, artifact.version, why)
        except ArtifactError as error:
            self.emit(Notice(f"{artifact.label} couldn't be stopped: {error.message}", warning=True))

    def stop_line(self, app: str, why: str) -> None:
        """Stops all of an app, where the pipeline wants it and no artifact is there that could be stopped."""
        if self.project.pipeline.stop != "app":
            return
        try:
            self._stop(None, app, "", why)
        except ArtifactError as error:
            self.emit(Notice(f"all of {app} couldn't be stopped: {error.message}", warning=True))

    def went_back_from(self, app: str, releases: Iterable[Mapping[str, Any]]) -> None:
        """Stops what a rollback has left: each of the releases as hosts know them, `{"version", "archive", "tree"}`."""
        try:
            for release in releases:
                subject = Subject(f"{app}@{release['version']}", release["archive"], release["tree"])
                self._stop(subject, app, release["version"], f"{self._where} was rolled back from it")
        except ArtifactError as error:
            self.emit(Notice(f"what was rolled back from couldn't be stopped: {error.message}", warning=True))

    def stopped(self, app: str, archives: Iterable[str]) -> set[str]:
        """Those of the archives that are stopped themselves; none when that can't be told: the way back is open."""
        if not self._heeds_stops:
            return set()
        try:
            evidence = Evidence.of(self.project, self.emit)
            return {archive for archive in set(archives) if self._is_stopped(evidence, app, archive)}
        except (ArtifactError, InvalidFile) as error:
            self.emit(Notice(f"can't find out which releases are stopped: {error.message}", warning=True))
            return set()

    def _is_stopped(self, evidence: Evidence, app: str, archive: str) -> bool:
        found = standing(evidence.stops(app, archive))
        return any(
            stop.project == self.project.name and stop.app == app and stop.subject and stop.subject.archive == archive
            for _, stop in found
        )

    @property
    def _can_say(self) -> bool:
        return self.stage is not None and self._key is not None and self._procedure is not None

    @property
    def _stage(self) -> Stage:
        if self.stage is None:
            raise ArtifactError(f"no stage of the pipeline is {self._where}")
        return self.stage

    @property
    def _where(self) -> str:
        return self.environment.name if self.environment is not None else ""

    @property
    def _heeds_stops(self) -> bool:
        if self.environment is None:
            return True
        try:
            return requirements_of(self.project, self.environment).heeds_stops
        except (ArtifactError, InvalidFile):  # the policy can't be read: it may ask for that
            return True

    def _say(self, result: Literal["passed", "failed"], artifact: Artifact, hosts: Mapping[str, Any]) -> None:
        if self._can_say:
            self._store(self._proof(result, artifact, hosts))

    def _proof(self, result: Literal["passed", "failed"], artifact: Artifact, hosts: Mapping[str, Any]) -> Proof:
        if self.stage is None or self._procedure is None:
            raise ArtifactError(f"can't sign a statement about {artifact.label}")
        return Proof(
            subject=Subject.of(artifact),
            project=self.project.name,
            app=artifact.app,
            version=artifact.version,
            stage=self.stage.name,
            environment=self._where,
            copy_of=self.environment.copy_of if self.environment is not None else None,
            result=result,
            procedure=self._procedure.digest,
            tool=tool_digest(),
            commit=self._procedure.commit,
            started=self.began,
            finished=time.time(),
            hosts=hosts,
            smoke=self._smoke(),
            acceptance=self._accepted,
            parity=self.parity,
            run=self.collector.run or "",
            isolated=self.isolated(),
            built_from=artifact.commit if not artifact.dirty else None,
        )

    def _store(self, proof: Proof) -> None:
        if self._key is None:
            return
        what = f"{proof.subject.name} has {proof.result} stage '{proof.stage}'"
        try:
            place = place_of(self.project)
            with turn(place, proof):
                known = self._said_meanwhile(proof)
                name = known or say(place, proof, self._key, journal_head(self.project))
        except ArtifactError as error:
            self._explain_unstored(proof, what, error)
            return
        self.extra["statement"] = name
        if known is not None:
            self.emit(Notice(f"another run has signed this meanwhile: {known}"))
            return
        why = f" ({self.collector.not_isolated})" if self.collector.not_isolated else ""
        isolated = "" if proof.isolated else f", though not isolated from the stage's key{why}"
        self.emit(Notice(f"{what}{isolated}: {name}"))

    def _explain_unstored(self, proof: Proof, what: str, error: ArtifactError) -> None:
        text = f"that {what} couldn't be stored: {error.message}"
        again = ""
        if proof.result == "passed":
            command = f"cdconf deploy {proof.subject.name} --to {proof.environment}" if proof.environment else ""
            again = f"`{command or 'cdconf pipeline run'}` says it later, and deploys nothing"
            if self.demanded:
                raise ArtifactError(text, hint=f"make room in the store, or mend it; then {again}") from error
        self.emit(Notice(f"{text}{f'; {again}' if again else ''}", warning=True))

    def _said_meanwhile(self, proof: Proof) -> str | None:
        """Another run's statement that says the same, made since this one began: of equal runs one says it."""
        try:
            found = Evidence.of(self.project, self.emit).proofs(proof.subject.archive)
        except ArtifactError:
            return None
        for checked_object in found:
            said = checked_object.said
            if checked_object.refusal is None and isinstance(said, Proof) and said.finished >= self.began:
                same = replace(proof, started=said.started, finished=said.finished, run=said.run, hosts=said.hosts)
                if replace(same, smoke=said.smoke) == said:
                    return checked_object.name
        return None

    def _smoke(self) -> dict[str, int]:
        tests = [test for host in self.collector.hosts.values() for test in host.smoke]
        return {
            "passed": sum(smoke_done.passed and not smoke_done.skipped for smoke_done in tests),
            "failed": sum(not smoke_done.passed for smoke_done in tests),
        }

    def _stop(self, subject: Subject | None, app: str, version: str, why: str) -> None:
        key = self._key or self._stopping_key()
        what = f"{app}@{version}" if subject is not None else f"all of {app}"
        if key is None:
            if self._heeds_stops:
                command = f"cdconf pipeline stop {what if subject else app} --note WHY"
                self.emit(Notice(f"{what} isn't stopped: no key here may sign that; run `{command}` where one is"))
            return
        stop = Stop(
            subject=subject,
            project=self.project.name,
            app=app,
            version=version if subject is not None else None,
            stage=self.stage.name if self.stage else None,
            environment=self.environment.name if self.environment is not None else None,
            throwaway=self.environment is not None and self.environment.throwaway is not None,
            by=whoami(),
            why=why,
            at=time.time(),
        )
        name = say(place_of(self.project), stop, key, journal_head(self.project))
        self.extra.setdefault("stops", []).append(name)
        self.emit(Notice(f"{what} is stopped: `cdconf pipeline resume` lifts that ({name})", warning=True))

    def _stopping_key(self) -> OfficeKey | None:
        """The stage's key, where nothing else was to be said with it, or the one that overrides."""
        offices = [*([stage_office(self.stage.name)] if self.stage else []), OVERRIDE]
        return next(filter(None, (office_keys.own(self.project, office) for office in offices)), None)


__all__ = ["StageRun", "stage_for"]
