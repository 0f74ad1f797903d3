"""Passing a gate without what it asks for: signed, with a reason, and seen by everybody until a proof heals it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cdconf.artifacts import ArtifactStore
from cdconf.errors import GateClosed, UsageError
from cdconf.promotion import office_keys
from cdconf.promotion.approvals.links import judge_approvals
from cdconf.promotion.heads import journal_head
from cdconf.promotion.judge import Candidate, CandidateLink, judge
from cdconf.promotion.office_keys import OfficeKey
from cdconf.promotion.offices import OVERRIDE
from cdconf.promotion.requirements import requirements_of
from cdconf.promotion.role_proofs import judge_roles
from cdconf.promotion.said import Override, Subject
from cdconf.promotion.saying import say, whoami
from cdconf.promotion.soaking import soak_links
from cdconf.promotion.stage_pins import held_to
from cdconf.promotion.stops import stop_links
from cdconf.promotion.times import time_links

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.requirements import Requirements

SHORTEST = 10  # characters of a reason


@dataclass(frozen=True)
class Overridden:
    """An override, and whether what was missing is there by now.

    Attributes:
        name: The object's name.
    """

    name: str
    said: Override
    is_healed: bool

    @property
    def what(self) -> str:
        """What was brought there: `shop@1.4`, `provision`."""
        if self.said.command == "deploy":
            return f"{self.said.app}@{self.said.version}"
        return f"{self.said.command} {self.said.app}" if self.said.app else self.said.command


def check_reason(reason: str) -> None:
    """Raises `UsageError` for a reason that says nothing."""
    if len(reason.strip()) < SHORTEST:
        text = f"--override needs a reason of {SHORTEST} characters or more, which everybody will read"
        raise UsageError(text, hint="such as --override 'checkout is down, the fix is reviewed'")


def overriding_key(evidence: Evidence) -> OfficeKey:
    """The key that may override.

    Raises:
        ArtifactError: It isn't here.
        GateClosed: It isn't trusted here, so that nobody else would believe the override either.
    """
    key = office_keys.needed(evidence.project, OVERRIDE)
    if key.id not in {signer.id for signer in evidence.signers.of(OVERRIDE, evidence.now)}:
        raise GateClosed(
            f"the key that would override, {key.id}, isn't trusted for that here ({evidence.signers.file})",
            hint="`cdconf key trust --office override KEY` trusts it; others need it among their signers, too",
        )
    return key


def override_artifact(
    evidence: Evidence, candidate: Candidate, missing: Sequence[CandidateLink], version: str, reason: str
) -> str:
    """Writes down that an artifact passes an environment's gate for a reason; returns the object's name.

    Raises:
        ArtifactError: The key isn't here, or the store can't be written to.
        GateClosed: The key isn't trusted here.
    """
    said = Override(
        subject=candidate.subject,
        project=candidate.project,
        environment=candidate.environment,
        command="deploy",
        app=candidate.app,
        version=version,
        procedure=candidate.procedure or "",
        by=whoami(),
        reason=reason.strip(),
        at=time.time(),
        missing=tuple(link.name for link in missing),
    )
    return say(evidence.place, said, overriding_key(evidence), journal_head(evidence.project))


def override_roles(
    evidence: Evidence, environment: str, trees: Mapping[str, str], missing: Sequence[CandidateLink], reason: str
) -> str:
    """The same for a provision: path -> the id of its git tree, empty where nobody can say."""
    said = Override(
        subject=None,
        project=evidence.project.name,
        environment=environment,
        command="provision",
        app=None,
        version=None,
        procedure="",
        by=whoami(),
        reason=reason.strip(),
        at=time.time(),
        missing=tuple(link.name for link in missing),
        trees=trees,
    )
    return say(evidence.place, said, overriding_key(evidence), journal_head(evidence.project))


def overridden(evidence: Evidence, environment: Environment) -> list[Overridden]:
    """The overrides of an environment that count, the newest first."""
    project = evidence.project
    here = (project.name, environment.name)
    found = []
    for override in evidence.overrides(environment.name):
        said = override.said
        if override.refusal is None and isinstance(said, Override) and (said.project, said.environment) == here:
            found.append(Overridden(override.name, said, _is_healed(evidence, project, environment, said)))
    return sorted(found, key=lambda one: one.said.at, reverse=True)


def _is_healed(evidence: Evidence, project: Project, environment: Environment, said: Override) -> bool:
    """Whether what was missing is there by now, whenever it came."""
    wanted = replace(requirements_of(project, environment), max_age=None, parity=())
    if said.command not in ("deploy", "provision"):
        return _is_past(evidence, wanted, said)
    if said.subject is None:
        trees = dict(said.trees)
        links = judge_roles(environment, wanted, trees, {}, evidence) if trees and wanted.is_guarded else []
        links += time_links(wanted, evidence.now)
        return bool(links) and all(link.state == "there" for link in links)
    candidate = _candidate(said, said.subject, _built_from(evidence, said.subject) if wanted.approvals else None)
    proofs = held_to(wanted.policy.stages, evidence.proofs(said.subject.archive))
    stops = evidence.stops(candidate.app, said.subject.archive)
    links = judge(wanted, candidate, proofs, stops, evidence.signers, evidence.now)
    links += soak_links(wanted, candidate, proofs, evidence.now) + time_links(wanted, evidence.now)
    links += judge_approvals(wanted, candidate, evidence, [*proofs, *stops], ever=True)
    return all(link.state == "there" for link in links)


def _is_past(evidence: Evidence, wanted: Requirements, said: Override) -> bool:
    """Whether what spoke against a change doesn't any more; what was removed can't be proven."""
    archive = said.subject.archive if said.subject else None
    stops = stop_links(evidence.stops(said.app, archive), said.project, said.app, archive) if said.app else []
    return not stops and all(link.state == "there" for link in time_links(wanted, evidence.now))


def _built_from(evidence: Evidence, subject: Subject) -> str | None:
    """The commit that an artifact was built from, as the store has it."""
    found = ArtifactStore(evidence.project, evidence.place).with_archive(subject.archive)
    return found.commit if found is not None and not found.dirty else None


def _candidate(said: Override, subject: Subject, built_from: str | None) -> Candidate:
    unknown = "" if said.procedure else "by no procedure that a commit knows"
    return Candidate(
        subject, said.project, said.app or "", said.environment, said.procedure or None, unknown, built_from=built_from
    )
