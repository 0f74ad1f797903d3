"""What an environment has released last, as its own stage's signed statements say.

No host is asked, so that `gates` and `deploy` judge alike. What nobody has said isn't taken for released: then more
commits count than those since the last release, and never fewer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.promotion.said import Proof, Stop

if TYPE_CHECKING:
    from cdconf.promotion.candidate import Candidate
    from cdconf.promotion.checked import CheckedObject
    from cdconf.promotion.evidence import Evidence


@dataclass(frozen=True)
class LastRelease:
    """A release.

    Attributes:
        label: Such as `shop@1.4`.
        built_from: The commit that its artifact was built from.
        commit: The commit whose procedure it was deployed by.
        procedure: That procedure's digest.
        at: When, in seconds since 1970.
        statement: The object that says so.
    """

    label: str
    built_from: str
    commit: str
    procedure: str
    at: float
    statement: str


def last_release(evidence: Evidence, candidate: Candidate, stage: str | None) -> LastRelease | None:
    """The newest release of another artifact than the candidate that wasn't stopped afterwards, as a rollback does.

    One doesn't count whose stages don't agree on the commit that it was built from.

    Args:
        evidence: What was said.
        candidate: What's about to be released.
        stage: The stage that deploys to the environment; None: no statement can say that it did.
    """
    if stage is None:
        return None
    where = (candidate.project, candidate.app, candidate.environment, stage)
    found = []
    for release in evidence.releases(candidate.environment, candidate.app):
        said = release.said
        if release.refusal is not None or not isinstance(said, Proof) or said.result != "passed":
            continue
        if (said.project, said.app, said.environment, said.stage) == where:
            found.append((said, release.name))
    for said, name in sorted(found, key=lambda pair: pair[0].finished, reverse=True):
        if said.subject.archive == candidate.subject.archive or said.built_from is None:
            continue
        agreed = built_from(said, evidence.proofs(said.subject.archive)) == {said.built_from}
        if agreed and not _was_stopped(evidence, said):
            return LastRelease(said.subject.name, said.built_from, said.commit, said.procedure, said.finished, name)
    return None


def built_from(about: Candidate | Proof, said: Iterable[CheckedObject]) -> frozenset[str]:
    """The commits from which stages have said that an archive was built; more than one where they don't agree.

    Whoever can write to the store can write another commit beside an artifact, and these are signed.
    """
    proofs = (
        checked_object.said
        for checked_object in said
        if isinstance(checked_object.said, Proof) and (checked_object.refusal is None or checked_object.is_expired)
    )
    same = (about.project, about.app, about.subject.archive)
    return frozenset(
        proof.built_from
        for proof in proofs
        if proof.built_from and (proof.project, proof.app, proof.subject.archive) == same
    )


def _was_stopped(evidence: Evidence, said: Proof) -> bool:
    """Whether the artifact was stopped, also when that was lifted: it may have been rolled back."""
    return any(
        isinstance(stop.said, Stop)
        and stop.said.subject is not None
        and stop.said.subject.archive == said.subject.archive
        for stop in evidence.stops(said.app, said.subject.archive)
        if stop.refusal is None or stop.is_expired
    )
