"""What approvals are counted with, and why one doesn't count. Pure: nothing is read here, nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import content_of
from cdconf.promotion.approvals.authors import Authors
from cdconf.promotion.candidate import Candidate
from cdconf.promotion.people import People
from cdconf.promotion.reasons import clock, span

if TYPE_CHECKING:
    from cdconf.inventory.requirement import Approvals
    from cdconf.promotion.approvals.given import Given
    from cdconf.promotion.people import Person
    from cdconf.promotion.said import Approval, Stop


@dataclass(frozen=True)
class Counting:
    """What approvals are counted with.

    Attributes:
        candidate: What's about to be released.
        people: Everybody whom the operator's policy knows.
        policy: The policy's file, for people.
        given: The approvals and rejections beside the artifact.
        stops: Stops of the artifact and of its app, also those that were lifted: object's name -> stop.
        authors: Who has written it; None where nobody asks.
        now: This machine's time.
        ever: Whether it's only asked whether it was approved at any time: then no approval is too old.
    """

    candidate: Candidate
    people: People
    policy: str
    given: Sequence[Given]
    stops: Mapping[str, Stop] = field(default_factory=dict)
    authors: Authors | None = None
    now: float = 0.0
    ever: bool = False


def rejection(about: Counting) -> Given | None:
    """Who has rejected the artifact for the environment, whatever the procedure: the first who did."""
    said = [one for one in about.given if one.refusal is None and one.said and one.said.decision == "rejected"]
    here = [one for one in said if one.said is not None and _about_another(one.said, about.candidate) is None]
    return min(here, key=time_of, default=None)


def uncounted(one: Given, wanted: Approvals, about: Counting) -> str | None:
    """Why an approval doesn't count for a requirement, in words after "it"; None when it does."""
    said, person = one.said, one.person
    if one.refusal is not None or said is None or person is None:
        return one.refusal or "can't be read"
    if said.decision == "rejected":
        return "is a rejection"
    found = _about_another(said, about.candidate) or _too_late(said, wanted, about)
    if found is not None:
        return found
    for name, stop in about.stops.items():
        if content_of(name) not in said.seen:
            return f"was given before {stop.by} stopped {_what(stop)} at {clock(stop.at)}: approve it anew"
    return _not_theirs(person, wanted, about)


def _what(stop: Stop) -> str:
    return f"all of {stop.app}" if stop.subject is None else stop.subject.name


def _about_another(said: Approval, candidate: Candidate) -> str | None:
    """What it's about, when that's another project, artifact, environment or procedure than the candidate's."""
    subject, wanted = said.subject, candidate.subject
    command = f"cdconf procedure {candidate.app} --from {said.commit[:10]} --to HEAD"
    changed = said.procedure != candidate.procedure and said.decision != "rejected"
    found = (
        (said.project != candidate.project, f"is for the project '{said.project}', not '{candidate.project}'"),
        (said.app != candidate.app, f"is for the app '{said.app}', not '{candidate.app}'"),
        (
            subject.archive != wanted.archive,
            f"is for another artifact, {subject.name} with sha256 {subject.archive[:12]}",
        ),
        (subject.tree != wanted.tree, f"is for another tree than the artifact's: {subject.tree[:12]}"),
        (
            said.environment != candidate.environment,
            f"is for the environment '{said.environment}', not '{candidate.environment}'",
        ),
        (changed, f"is for another procedure, that of commit {said.commit[:10]}: `{command}` shows what changed"),
    )
    return next((why for is_so, why in found if is_so), None)


def _too_late(said: Approval, wanted: Approvals, about: Counting) -> str | None:
    if about.ever:
        return None
    age = about.now - said.at
    if said.expires is not None and about.now >= said.expires:
        return f"was good until {clock(said.expires)}"
    if wanted.expires is not None and age > wanted.expires:
        return f"is {span(age)} old, and {wanted.source} takes {span(wanted.expires)} at most"
    return None


def _not_theirs(person: Person, wanted: Approvals, about: Counting) -> str | None:
    if not about.people.are_of(person, wanted.groups):
        return f"is by somebody who isn't of {', '.join(wanted.groups)}"
    if wanted.not_author and about.authors is not None:
        commit = about.authors.known(about.people).get(person.name)
        if commit is not None:
            return f"is by an author of commit {commit.commit[:10]}"
    return None


def time_of(one: Given) -> float:
    """When it was given, by its signer's clock."""
    return one.said.at if one.said else 0.0
