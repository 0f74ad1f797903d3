"""What somebody approves: gathered before they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import content_of
from cdconf.errors import CdconfError, GateClosed, UsageError
from cdconf.promotion.approvals.authors import Authors
from cdconf.promotion.approvals.counting import rejection
from cdconf.promotion.approvals.links import counting
from cdconf.promotion.changes import PartChange, changes
from cdconf.promotion.gates import Gate, candidate_of, gate_of
from cdconf.promotion.procedure import procedure_of
from cdconf.promotion.reasons import clock
from cdconf.promotion.requirements import requirements_of
from cdconf.promotion.said import Proof, Stop

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project
    from cdconf.promotion.approvals.counting import Counting
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.requirements import Requirements

_MOST_STOPS = 100  # that don't count here: whoever can write to the store could make thousands


@dataclass(frozen=True)
class Review:
    """What somebody approves.

    Attributes:
        gate: How the gate stands now.
        wanted: What the environment asks for.
        about: What approvals are counted with.
        authors: Who has written it, since which release.
        proofs: What stages said of it, where the gate believes that: object's name -> proof.
        stops: The objects of all stops, also of those that don't count here: they may where the gate is judged.
        changed: How the procedure differs from the last release's; None where that can't be told.
        evidence: What was said.
    """

    gate: Gate
    wanted: Requirements
    about: Counting
    authors: Authors
    proofs: dict[str, Proof]
    stops: Sequence[str]
    changed: Sequence[PartChange] | None
    evidence: Evidence

    @property
    def seen(self) -> tuple[str, ...]:
        """The digests of the statements and stops that were there."""
        names = {*self.proofs, *self.stops, *(link.statement for link in self.gate.links if link.statement)}
        if self.authors.since is not None:
            names.add(self.authors.since.statement)
        return tuple(sorted(content_of(name) for name in names))


def review_of(project: Project, environment: Environment, artifact: Artifact, emit: Emit) -> Review:
    """Gathers it.

    Raises:
        ArtifactError: The store, the signers or the policy can't be read.
        UsageError: Nobody can say what it would be: the procedure isn't what a commit says, or there's no git.
    """
    from cdconf.promotion.evidence import Evidence

    candidate = candidate_of(project, environment, artifact)
    if candidate.procedure is None:
        text = f"{artifact.label} can't be approved: {candidate.not_provable}"
        raise UsageError(text, hint="an approval is of an artifact and of the commit that says how it's deployed")
    gate = gate_of(project, environment, artifact, emit)
    wanted = requirements_of(project, environment)
    evidence = Evidence.of(project, lambda event: None)
    said, stops = evidence.proofs(artifact.archive), evidence.stops(artifact.app, artifact.archive)
    about = counting(wanted, candidate, evidence, [*said, *stops], with_authors=True)
    authors = about.authors or Authors()
    believed = {link.statement for link in gate.links if link.statement and link.state == "there"}
    found = {
        checked_object.name: checked_object.said for checked_object in said if isinstance(checked_object.said, Proof)
    }
    proofs = {name: said for name, said in found.items() if name in believed}
    stopped = [stop.name for stop in stops if isinstance(stop.said, Stop)]
    told = [*about.stops, *(one for one in stopped[:_MOST_STOPS] if one not in about.stops)]
    return Review(gate, wanted, about, authors, proofs, told, _changed(project, authors, artifact.app), evidence)


def _changed(project: Project, authors: Authors, app: str) -> Sequence[PartChange] | None:
    if authors.since is None:
        return None
    try:
        before = procedure_of(project.root, authors.since.commit, app, strict=False)
        return changes(before, procedure_of(project.root, "HEAD", app, strict=False))
    except CdconfError:
        return None


def check_approvable(review: Review) -> None:
    """Raises `GateClosed` for what is stopped or rejected: no approval could count."""
    label, where = review.gate.label, review.gate.environment
    found = rejection(review.about)
    if found is not None and found.said is not None and found.person is not None:
        note = f": {found.said.note}" if found.said.note else ""
        text = f"{found.person.name} has rejected {label} for {where} at {clock(found.said.at)}{note}"
        raise GateClosed(text, hint="that is final: build a new version, or have somebody override the gate")
    stopped = next((link for link in review.gate.missing if link.name == "no stop"), None)
    if stopped is not None:
        hint = f"an approval now would count for nothing; `{stopped.command}` lets it go on, then approve it"
        raise GateClosed(f"{label} can't be approved for {where}: {stopped.why}", hint=hint)
