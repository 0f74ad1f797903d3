"""Gates: whether an artifact may be brought to an environment, by what the store and the signers' file say.

No host is asked. Without a trusted key of an office, a gate that asks for it is closed: unlike the signatures of
builds (ADR 25), there's no state in which everything is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import GateClosed
from cdconf.promotion.errors import NotProvable
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.judge import Candidate, Link, judge
from cdconf.promotion.procedure import procedure
from cdconf.promotion.requirements import Requirements, requirements_of
from cdconf.promotion.said import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cdconf.artifacts import Artifact
    from cdconf.artifacts.places import Place
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project
    from cdconf.promotion.procedure import Procedure


@dataclass(frozen=True)
class Gate:
    """An environment's gate as it stands for one artifact.

    Attributes:
        skipped: Object of the store -> why it counts for nothing: it can't be read.
    """

    label: str
    environment: str
    candidate: Candidate
    links: tuple[Link, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[Link]:
        """What keeps it closed."""
        return [one for one in self.links if one.state == "missing"]

    def refuse(self) -> None:
        """Raises `GateClosed`, which names each missing link, unless none is."""
        missing = self.missing
        if missing:
            raise closed(f"{self.label} can't go to {self.environment}", missing, self._hint(missing))

    def _hint(self, missing: list[Link]) -> str:
        again = f"`cdconf gates {self.label} --to {self.environment}` judges it again, and asks no host"
        first = missing[0].command
        return f"`{first}` brings the first of them; {again}" if first else again


def closed(what: str, missing: list[Link], hint: str) -> GateClosed:
    """The error of a gate that's closed: the first link in its message, all of them below it."""
    first, *others = missing
    more = f" (and {len(others)} more)" if others else ""
    lines = [f"{one.name}: {one.why}" + (f"\n  {one.command}" if one.command else "") for one in missing]
    return GateClosed(
        f"{what}: {first.name}: {first.why}{more}", detail="\n".join(lines) if others else None, hint=hint
    )


def gate_of(
    project: Project,
    environment: Environment,
    artifact: Artifact,
    emit: Emit,
    place: Place | None = None,
    read: Callable[[str], Procedure] | None = None,
) -> Gate:
    """The environment's gate for an artifact, judged now.

    Args:
        project: The project.
        environment: Where the artifact would go.
        artifact: The artifact.
        emit: Gets a warning for each object that counts for nothing.
        place: Where the store lies; the project's own if not given.
        read: Reads the procedure of an app; see `Procedures`.

    Raises:
        ArtifactError: The store or the signers can't be read.
    """
    wanted = requirements_of(project, environment)
    candidate = _candidate(project, environment, artifact, wanted, read)
    if not (wanted.after or wanted.heeds_stops or wanted.parity):
        return Gate(artifact.label, environment.name, candidate, ())
    evidence = Evidence.of(project, emit, place)
    proofs = evidence.proofs(artifact.archive) if wanted.after else []
    stops = evidence.stops(artifact.app, artifact.archive) if wanted.heeds_stops else []
    links = judge(wanted, candidate, proofs, stops, evidence.signers, evidence.now)
    return Gate(artifact.label, environment.name, candidate, tuple(links), evidence.skipped)


def _candidate(
    project: Project,
    environment: Environment,
    artifact: Artifact,
    wanted: Requirements,
    read: Callable[[str], Procedure] | None,
) -> Candidate:
    about: dict[str, Any] = {"procedure": None}
    if wanted.after:
        try:
            found = read(artifact.app) if read else procedure(project.root, "HEAD", artifact.app)
            about["procedure"] = found.digest
        except NotProvable as error:
            about["not_provable"] = error.message
    if artifact.commit is None:
        about["not_built"] = f"{artifact.label} was added, and no commit is known of it"
    elif artifact.dirty:
        about["not_built"] = f"{artifact.label} was built from files that no commit has"
    return Candidate(Subject.of(artifact), project.name, artifact.app, environment.name, **about)


__all__ = ["Gate", "Requirements", "closed", "gate_of"]
