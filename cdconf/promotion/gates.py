"""Gates: whether an artifact may be brought to an environment, by what the store and the signers' file say.

No host is asked. Without a trusted key of an office, a gate that asks for it is closed: unlike the signatures of
builds (ADR 25), there's no state in which everything is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.clocks import Clock
from cdconf.errors import GateClosed
from cdconf.promotion.approvals.links import judge_approvals
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.judge import Candidate, CandidateLink, judge
from cdconf.promotion.pins import check_pins
from cdconf.promotion.procedure import procedure
from cdconf.promotion.requirements import Requirements, requirements_of
from cdconf.promotion.said import Subject
from cdconf.promotion.soaking import soak_links
from cdconf.promotion.stage_pins import held_to
from cdconf.promotion.times import time_links

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cdconf.artifacts import Artifact
    from cdconf.artifacts.backends import Backend
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project
    from cdconf.promotion.procedure import ProcedureDigest


@dataclass(frozen=True)
class Gate:
    """An environment's gate as it stands for one artifact.

    Attributes:
        skipped: Object of the store -> why it counts for nothing: it can't be read.
    """

    label: str
    environment: str
    candidate: Candidate
    links: tuple[CandidateLink, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[CandidateLink]:
        """What keeps it closed."""
        return [link for link in self.links if link.state == "missing"]

    def refuse(self) -> None:
        """Raises `GateClosed`, which names each missing link, unless none is."""
        missing = self.missing
        if missing:
            raise closed(f"{self.label} can't go to {self.environment}", missing, self._hint(missing))

    def _hint(self, missing: list[CandidateLink]) -> str:
        again = f"`cdconf gates {self.label} --to {self.environment}` judges it again, and asks no host"
        first = missing[0].command
        return f"`{first}` brings the first of them; {again}" if first else again


def closed(what: str, missing: list[CandidateLink], hint: str | None) -> GateClosed:
    """The error of a gate that's closed: the first link in its message, all of them below it."""
    first, *others = missing
    more = f" (and {len(others)} more)" if others else ""
    lines = [f"{link.name}: {link.why}" + (f"\n  {link.command}" if link.command else "") for link in missing]
    return GateClosed(
        f"{what}: {first.name}: {first.why}{more}", detail="\n".join(lines) if others else None, hint=hint
    )


def gate_of(
    project: Project,
    environment: Environment,
    artifact: Artifact,
    emit: Emit,
    place: Backend | None = None,
    read: Callable[[str], ProcedureDigest] | None = None,
    clock: Clock | None = None,
) -> Gate:
    """The environment's gate for an artifact, judged now.

    Args:
        project: The project.
        environment: Where the artifact would go.
        artifact: The artifact.
        emit: Gets a warning for each object that counts for nothing.
        place: Where the store lies; the project's own if not given.
        read: Reads the procedure of an app, or raises `NotProvable`; see `Procedures`. The work tree's if not given.
        clock: What time it is; this machine's if not given.

    Raises:
        ArtifactError: The store, the signers or the operator's policy can't be read.
        GateClosed: The project isn't what the operator's policy says.
        InvalidFile: The policy breaks a rule.
    """
    clock = clock or Clock()
    wanted = requirements_of(project, environment)
    check_pins(project, wanted.policy)
    proven = bool(wanted.after or wanted.approvals)
    candidate = candidate_of(project, environment, artifact, proven=proven, read=read)
    if wanted.is_empty:
        return Gate(artifact.label, environment.name, candidate, ())
    evidence = Evidence.of(project, emit, place, clock)
    proofs = evidence.proofs(artifact.archive) if wanted.after or wanted.approvals else []
    proofs = held_to(wanted.policy.stages, proofs)
    stops = evidence.stops(artifact.app, artifact.archive) if wanted.heeds_stops else []
    links = judge(wanted, candidate, proofs, stops, evidence.signers, evidence.now)
    links += soak_links(wanted, candidate, proofs, evidence.now)
    links += judge_approvals(wanted, candidate, evidence, [*proofs, *stops])
    links += time_links(wanted, clock.counted())
    return Gate(artifact.label, environment.name, candidate, tuple(links), evidence.skipped)


def candidate_of(
    project: Project,
    environment: Environment,
    artifact: Artifact,
    *,
    proven: bool = True,
    read: Callable[[str], ProcedureDigest] | None = None,
) -> Candidate:
    """What would be brought to an environment.

    Args:
        project: The project.
        environment: Where to.
        artifact: The artifact.
        proven: Whether the procedure is needed.
        read: Reads the procedure of an app; see `Procedures`.
    """
    about: dict[str, Any] = {"procedure": None}
    if proven:
        try:
            found = read(artifact.app) if read else procedure(project.root, "HEAD", artifact.app)
            about |= {"procedure": found.digest, "commit": found.commit}
        except NotProvable as error:
            about["not_provable"] = error.message
    if artifact.commit is None:
        about["not_built"] = f"{artifact.label} was added, and no commit is known of it"
    elif artifact.dirty:
        about["not_built"] = f"{artifact.label} was built from files that no commit has"
    else:
        about["built_from"] = artifact.commit
    return Candidate(Subject.of(artifact), project.name, artifact.app, environment.name, **about)


__all__ = ["Gate", "Requirements", "candidate_of", "closed", "gate_of"]
