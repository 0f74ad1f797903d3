"""Stops the line by hand, and lets it go on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import content_of
from cdconf.errors import ArtifactError, GateClosed, UsageError, did_you_mean
from cdconf.events import Emit
from cdconf.promotion import office_keys
from cdconf.promotion.checked import may_lift
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.heads import journal_head
from cdconf.promotion.office_keys import OfficeKey
from cdconf.promotion.offices import OVERRIDE, named, shown, stage_office
from cdconf.promotion.said import Lift, Stop, Subject
from cdconf.promotion.saying import say, say_lifted, whoami
from cdconf.promotion.stops import standing

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.inventory import Project

SHORTEST = 3  # characters of a note


@dataclass(frozen=True)
class StopTarget:
    """An artifact, or without one all of an app's."""

    app: str
    artifact: Artifact | None

    @property
    def shown(self) -> str:
        """For people: `shop@1.4`, `all of shop`."""
        return self.artifact.label if self.artifact else f"all of {self.app}"


def stop(project: Project, target: StopTarget, note: str, office: str | None, emit: Emit) -> str:
    """Stops it; returns the object's name.

    Args:
        project: The project.
        target: What's stopped.
        note: Why.
        office: Whose key signs; the first one that's here if not given.
        emit: The event stream.

    Raises:
        ArtifactError: No key is here, or the store can't be written to.
        GateClosed: The key isn't trusted here: nobody would heed the stop.
        UsageError: The note says nothing.
    """
    _check(note)
    evidence = Evidence.of(project, emit)
    key = _key(evidence, [_named(project, office)] if office else _offices(project))
    said = Stop(
        subject=Subject.of(target.artifact) if target.artifact else None,
        project=project.name,
        app=target.app,
        version=target.artifact.version if target.artifact else None,
        stage=None,
        environment=None,
        throwaway=False,
        by=whoami(),
        why=note.strip(),
        at=time.time(),
    )
    return say(evidence.place, said, key, journal_head(project))


def lift(project: Project, targets: Sequence[StopTarget], note: str, office: str | None, emit: Emit) -> list[str]:
    """Lifts the stops that stand; returns the names of their objects. For arguments and errors see `stop`.

    Raises:
        GateClosed: No key here may lift one of them.
    """
    _check(note)
    evidence = Evidence.of(project, emit)
    lifted = []
    for target in targets:
        archive = target.artifact.archive if target.artifact else None
        for name, found in standing(evidence.stops(target.app, archive)):
            if not _is_about(found, project, target):
                continue
            said = Lift(content_of(name), project.name, target.app, whoami(), note.strip(), time.time())
            offices = [_named(project, office)] if office else _lifting(project, found)
            key = _lifting_key(evidence, found, offices)
            say_lifted(evidence.place, said, found.key, key, journal_head(project))
            lifted.append(name)
    return lifted


def _is_about(found: Stop, project: Project, target: StopTarget) -> bool:
    archive = target.artifact.archive if target.artifact else None
    subject = found.subject.archive if found.subject else None
    return (found.project, found.app, subject) == (project.name, target.app, archive)


def _check(note: str) -> None:
    if len(note.strip()) < SHORTEST:
        raise UsageError("--note is empty", hint="say why: everybody reads it")


def _offices(project: Project) -> list[str]:
    return [OVERRIDE, *(stage_office(stage.name) for stage in project.pipeline.stages)]


def _named(project: Project, word: str) -> str:
    return named(word, [stage.name for stage in project.pipeline.stages])


def _lifting(project: Project, found: Stop) -> list[str]:
    return [stage_office(found.stage), OVERRIDE] if found.stage is not None else _offices(project)


def _key(evidence: Evidence, offices: Sequence[str]) -> OfficeKey:
    """The first key that's here and trusted."""
    here = [key for key in (office_keys.own(evidence.project, office) for office in offices) if key is not None]
    for key in here:
        if key.id in {signer.id for signer in evidence.signers.of(key.office, evidence.now)}:
            return key
    if here:
        raise GateClosed(
            f"the key of {shown(here[0].office)}, {here[0].id}, isn't trusted here, so nobody would heed it",
            hint=f"`cdconf key trust --office {shown(here[0].office)} KEY` trusts it ({evidence.signers.file})",
        )
    listed = ", ".join(shown(office) for office in offices)
    known = _offices(evidence.project)
    near = None if offices[0] in known else did_you_mean(shown(offices[0]), map(shown, known))
    make = f"run this where one is, or make one: `cdconf key new --office {shown(offices[0])}`"
    raise ArtifactError(f"no key on this machine may sign this: {listed}", hint=near or make)


def _lifting_key(evidence: Evidence, found: Stop, offices: Sequence[str]) -> OfficeKey:
    key = _key(evidence, offices)
    signers = [signer for signer in evidence.signers.of(key.office, evidence.now) if signer.id == key.id]
    if not any(may_lift(signer, found) for signer in signers):
        raise GateClosed(
            f"{shown(key.office)} may not lift a stop of stage '{found.stage}'",
            hint=f"that takes the key of stage:{found.stage}, or of override",
        )
    return key
