"""What is known of a commit: its artifacts, which stages they have passed, and what stops them. All of it is signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from cdconf.artifacts import ArtifactStore
from cdconf.pipeline.entries import BuiltArtifact, MissingRequirement
from cdconf.promotion import office_keys
from cdconf.promotion.candidate import Candidate
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.judge import last_word
from cdconf.promotion.offices import shown, stage_office
from cdconf.promotion.procedure import procedure
from cdconf.promotion.said import Subject
from cdconf.promotion.stops import standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdconf.artifacts import Artifact
    from cdconf.events import Emit
    from cdconf.inventory import Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.said import Stop


@dataclass
class KnownState:
    """What's known now; from one question to the next only what can't change is remembered: procedures and artifacts.

    Attributes:
        project: The project, at the commit.
        commit: The commit's full id.
        emit: Gets a warning for each object that counts for nothing.
    """

    project: Project
    commit: str
    emit: Emit
    _made: dict[str, Artifact] = field(default_factory=dict)

    @cached_property
    def procedures(self) -> dict[str, str]:
        """App -> the digest of the commit's procedure.

        Raises:
            NotProvable: A stage doesn't say what its command reads, or something isn't in the repository.
        """
        root = self.project.root
        return {app: procedure(root, "HEAD", app).digest for app in self.project.pipeline.apps}

    def artifacts(self) -> dict[str, Artifact]:
        """App -> the artifact that was built from the commit; those that aren't there are left out."""
        lacking = [app for app in self.project.pipeline.apps if app not in self._made]
        store = ArtifactStore(self.project, emit=self.emit)
        for app in lacking:
            found = store.nearest(app, [self.commit])
            if found is not None and store.has_archive(found):
                self._made[app] = found
        return {app: self._made[app] for app in self.project.pipeline.apps if app in self._made}

    def apps_of(self, stage: Stage) -> list[str]:
        """The pipeline's apps whose artifacts go through a stage."""
        return [app for app in self.project.pipeline.apps if stage.concerns(app)]

    def passed(self, stages: Iterable[Stage]) -> list[str]:
        """Those of the stages that all artifacts of the commit have passed; none that has no artifact."""
        made = self.artifacts()
        evidence = Evidence.of(self.project, self.emit)
        proofs = {app: evidence.proofs(artifact.archive) for app, artifact in made.items()}
        found = []
        for stage in stages:
            apps = self.apps_of(stage)
            if not apps or any(app not in made for app in apps):
                continue
            words = [last_word(stage, self._candidate(made[app], stage), proofs[app]) for app in apps]
            if all(word is not None and word.result == "passed" for word in words):
                found.append(stage.name)
        return found

    def _candidate(self, artifact: Artifact, stage: Stage) -> Candidate:
        subject, where = Subject.of(artifact), stage.place or ""
        return Candidate(subject, self.project.name, artifact.app, where, self.procedures[artifact.app])

    def stopped(self, stage: Stage) -> list[MissingRequirement]:
        """The stops that keep a stage from beginning: of the commit's artifacts, and of their apps."""
        evidence = Evidence.of(self.project, self.emit)
        made = self.artifacts()
        found = []
        for app in self.apps_of(stage):
            archive = made[app].archive if app in made else None
            for _, stop in standing(evidence.stops(app, archive)):
                if _is_about(stop, self.project.name, app, archive):
                    found.append(_missing(stop))
        return found

    def keyless(self, stages: Iterable[Stage]) -> dict[str, MissingRequirement]:
        """Of the stages with artifacts, those that nobody here can speak for: stage -> what would bring that.

        Raises:
            ArtifactError: A key can't be read.
        """
        evidence = Evidence.of(self.project, self.emit)
        found = {}
        for stage in stages:
            office = stage_office(stage.name)
            key = office_keys.own(self.project, office) if self.apps_of(stage) else None
            if not self.apps_of(stage):
                continue
            if key is None:
                file = office_keys.private_file(self.project, office)
                why = f"the key of {shown(office)} isn't here: {file}"
                found[stage.name] = MissingRequirement("key", why, f"cdconf key new --office {shown(office)}")
            elif key.id not in {signer.id for signer in evidence.signers.of(office, evidence.now)}:
                why = f"the key of {shown(office)} that's here isn't trusted here: {key.id}"
                found[stage.name] = MissingRequirement("key", why, f"cdconf key trust --office {shown(office)} KEY")
        return found

    def made(self) -> tuple[BuiltArtifact, ...]:
        """The artifacts, for the record."""
        return tuple(
            BuiltArtifact(artifact.app, artifact.version, artifact.archive) for artifact in self.artifacts().values()
        )


def _is_about(stop: Stop, project: str, app: str, archive: str | None) -> bool:
    return (stop.project, stop.app) == (project, app) and (stop.subject is None or stop.subject.archive == archive)


def _missing(stop: Stop) -> MissingRequirement:
    what = stop.app if stop.subject is None else f"{stop.app}@{stop.version}"
    where = f" in {stop.environment}" if stop.environment else ""
    target = "" if stop.subject is None else f" {what}"
    return MissingRequirement(
        "no stop", f"{what} is stopped{where} by {stop.by}: {stop.why}", f"cdconf pipeline resume{target} --note WHY"
    )
