"""Counts people who approve. Pure: nothing is read here, nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import content_of
from cdconf.promotion.approvals.authors import Authors
from cdconf.promotion.candidate import Candidate, Link
from cdconf.promotion.people import People
from cdconf.promotion.reasons import clock, span

if TYPE_CHECKING:
    from cdconf.inventory.requirement import Approvals
    from cdconf.promotion.approvals.given import Given
    from cdconf.promotion.people import Person
    from cdconf.promotion.said import Approval, Stop

NOT_REJECTED = "not rejected"
_SHOWN = 3  # approvals that don't count, authors whom nobody knows


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


def approval_links(wanted: Sequence[Approvals], about: Counting) -> list[Link]:
    """A link for each requirement, and one that's missing if somebody has rejected it."""
    names = [
        f"approvals by {', '.join(one.groups)}" if len(wanted) > 1 and one.groups else "approvals" for one in wanted
    ]
    links = []
    for place, one in enumerate(wanted):
        again = names[:place].count(names[place])
        links.append(_link(f"{names[place]} ({again + 1})" if again else names[place], one, about))
    return [*_rejected(about), *links]


def rejection(about: Counting) -> Given | None:
    """Who has rejected the artifact for the environment, whatever the procedure: the first who did."""
    said = [one for one in about.given if one.refusal is None and one.said and one.said.decision == "rejected"]
    here = [one for one in said if one.said is not None and _about_another(one.said, about.candidate) is None]
    return min(here, key=_time, default=None)


def _rejected(about: Counting) -> list[Link]:
    found = rejection(about)
    if found is None or found.said is None or found.person is None:
        return []
    note = f": {found.said.note}" if found.said.note else ""
    label, where = about.candidate.subject.name, about.candidate.environment
    why = f"{found.person.name} has rejected {label} for {where} at {clock(found.said.at)}{note}; that is final"
    return [Link(NOT_REJECTED, "missing", why, None, found.name)]


def _link(name: str, wanted: Approvals, about: Counting) -> Link:
    command = f"cdconf approve {about.candidate.subject.name} --to {about.candidate.environment}"
    problem = _unjudged(wanted, about)
    if problem:
        return Link(name, "missing", problem)
    written = about.authors.known(about.people) if wanted.not_author and about.authors else {}
    able = {one.name for one in about.people.members(wanted.groups) if one.keys and one.name not in written}
    counted: dict[str, Given] = {}
    refused = []
    for one in sorted(about.given, key=_time):
        why = uncounted(one, wanted, about)
        if why is None and one.person is not None:
            counted.setdefault(one.person.name, one)
        elif why is not None and not (one.refusal is None and one.said and one.said.decision == "rejected"):
            refused.append(f"{one.shown} {why}")
    by = f" by {', '.join(wanted.groups)}" if wanted.groups else ""
    why = f"{len(counted)} of {wanted.count}{by}" + (f": {', '.join(sorted(counted))}" if counted else "")
    if len(counted) >= wanted.count:
        return Link(name, "there", why, statement=next(iter(counted.values())).name)
    why += f"; missing {_missing(wanted.count - len(counted), sorted(able - counted.keys()), written)}"
    more = [f"{len(refused) - _SHOWN} more don't count"] if len(refused) > _SHOWN else []
    return Link(name, "missing", "; ".join([why, *refused[-_SHOWN:], *more]), command)


def _missing(count: int, able: Sequence[str], written: Mapping[str, object]) -> str:
    if not able:
        authors = f" ({', '.join(sorted(written))} can't, as authors of it)" if written else ""
        return f"{count}, and nobody else may approve it{authors}"
    number = "one" if count == 1 else str(count)
    return f"{number} of: {', '.join(able)}"


def _unjudged(wanted: Approvals, about: Counting) -> str:
    """Why it can't be met, whoever approves."""
    if not about.people.persons:
        return f"the policy knows nobody who could approve ({about.policy}: `people`), and {wanted.source} asks for it"
    unknown = [one for one in wanted.groups if not about.people.knows(one)]
    if unknown:
        return f"the policy doesn't know '{unknown[0]}', from whom {wanted.source} wants approvals ({about.policy})"
    if about.candidate.procedure is None:
        return about.candidate.not_provable
    if not wanted.not_author or about.authors is None:
        return ""
    if about.authors.problem:
        return f"no author may approve, and who has written it can't be told: {about.authors.problem}"
    return _strangers(about, about.authors)


def _strangers(about: Counting, authors: Authors) -> str:
    strangers = authors.unknown(about.people)
    if not strangers:
        return ""
    shown = [f"{who} (commit {commit.commit[:10]})" for who, commit in strangers.items()]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    since = f"since {authors.since.label}" if authors.since else "in all of its history, since no release is known"
    text = f"no author may approve, and the policy doesn't say who {', '.join(shown[:_SHOWN])}{more} is, who wrote"
    return f"{text} something of it {since}; add the address to `git` of a person in {about.policy}"


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


def _time(one: Given) -> float:
    return one.said.at if one.said else 0.0
