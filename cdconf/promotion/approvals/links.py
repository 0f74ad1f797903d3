"""What a gate asks of people, read from the store, the policy and git."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.promotion.approvals.authors import authors_of
from cdconf.promotion.approvals.count import approval_links
from cdconf.promotion.approvals.counting import Counting
from cdconf.promotion.approvals.last_release import built_from, last_release
from cdconf.promotion.judge import is_about
from cdconf.promotion.policy import policy_file
from cdconf.promotion.said import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdconf.promotion.candidate import Candidate, CandidateLink
    from cdconf.promotion.checked import CheckedObject
    from cdconf.promotion.evidence import Evidence
    from cdconf.promotion.requirements import Requirements


def judge_approvals(
    wanted: Requirements,
    candidate: Candidate,
    evidence: Evidence,
    said: Sequence[CheckedObject],
    *,
    ever: bool = False,
) -> list[CandidateLink]:
    """The links that a gate asks of people; none when it asks nothing of them, and nobody has rejected it.

    Args:
        wanted: What the environment asks for.
        candidate: What's about to be brought there.
        evidence: What was said.
        said: What stages said of the artifact, and what was stopped and lifted, of it and of its app, checked.
        ever: See `Counting`.

    Raises:
        ArtifactError: The store can't be read.
    """
    if not (wanted.approvals or wanted.policy.people.persons):
        return []
    about = counting(wanted, candidate, evidence, said, ever=ever)
    return approval_links(wanted.approvals, about)


def counting(
    wanted: Requirements,
    candidate: Candidate,
    evidence: Evidence,
    said: Sequence[CheckedObject],
    *,
    ever: bool = False,
    with_authors: bool = False,
) -> Counting:
    """What approvals are counted with. For the arguments see `judge_approvals`.

    With `with_authors`, who has written it is found out also where nobody asks.
    """
    authors = None
    if with_authors or any(approval.not_author for approval in wanted.approvals):
        since = last_release(evidence, candidate, wanted.own)
        authors = authors_of(evidence.project.root, candidate, since, built_from(candidate, said))
    people = wanted.policy.people
    return Counting(
        candidate=candidate,
        people=people,
        policy=wanted.policy.file or str(policy_file(evidence.project)),
        given=evidence.approvals(candidate.subject.archive, people),
        stops=_stops(candidate, said),
        authors=authors,
        now=evidence.now,
        ever=ever,
    )


def _stops(candidate: Candidate, said: Iterable[CheckedObject]) -> dict[str, Stop]:
    """Those about the artifact or its app, also the ones that were lifted."""
    return {
        checked_object.name: checked_object.said
        for checked_object in said
        if isinstance(checked_object.said, Stop)
        and (checked_object.refusal is None or checked_object.is_expired)
        and is_about(checked_object.said, candidate)
    }
