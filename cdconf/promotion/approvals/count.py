"""Counts people who approve. Pure: nothing is read here, nobody is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.promotion.approvals.authors import Authors
from cdconf.promotion.approvals.counting import Counting, rejection, time_of, uncounted
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.reasons import clock

if TYPE_CHECKING:
    from cdconf.inventory.requirement import Approvals
    from cdconf.promotion.approvals.given import Given

NOT_REJECTED = "not rejected"
_SHOWN = 3  # approvals that don't count, authors whom nobody knows


def approval_links(wanted: Sequence[Approvals], about: Counting) -> list[CandidateLink]:
    """A link for each requirement, and one that's missing if somebody has rejected it."""
    names = [
        f"approvals by {', '.join(one.groups)}" if len(wanted) > 1 and one.groups else "approvals" for one in wanted
    ]
    links = []
    for place, one in enumerate(wanted):
        again = names[:place].count(names[place])
        links.append(_link(f"{names[place]} ({again + 1})" if again else names[place], one, about))
    rejected = _rejected(about)
    return [*rejected, *(replace(link, command=None) if rejected else link for link in links)]


def _rejected(about: Counting) -> list[CandidateLink]:
    found = rejection(about)
    if found is None or found.said is None or found.person is None:
        return []
    note = f": {found.said.note}" if found.said.note else ""
    label, where = about.candidate.subject.name, about.candidate.environment
    why = f"{found.person.name} has rejected {label} for {where} at {clock(found.said.at)}{note}; that is final"
    return [CandidateLink(NOT_REJECTED, "missing", why, None, found.name)]


def _link(name: str, wanted: Approvals, about: Counting) -> CandidateLink:
    """One requirement's link; `details` has who counts, who may yet approve, and what doesn't count, with reasons."""
    command = f"cdconf approve {about.candidate.subject.name} --to {about.candidate.environment}"
    problem = _unjudged(wanted, about)
    if problem:
        return CandidateLink(name, "missing", problem, details=_details(wanted))
    written = about.authors.known(about.people) if wanted.not_author and about.authors else {}
    counted, refused = _sorted_out(wanted, about)
    able = (
        {member.name for member in about.people.members(wanted.groups) if member.keys} - written.keys() - counted.keys()
    )
    by = f" by {', '.join(wanted.groups)}" if wanted.groups else ""
    why = f"{len(counted)} of {wanted.count}{by}" + (f": {', '.join(sorted(counted))}" if counted else "")
    details = _details(wanted, counted, able, refused)
    if len(counted) >= wanted.count:
        return CandidateLink(name, "there", why, statement=next(iter(counted.values())).name, details=details)
    why += f"; missing {_missing(wanted.count - len(counted), sorted(able), written)}"
    told = [f"{one.shown} {reason}" for one, reason in refused[-_SHOWN:]]
    more = [f"{len(refused) - _SHOWN} more don't count"] if len(refused) > _SHOWN else []
    return CandidateLink(name, "missing", "; ".join([why, *told, *more]), command, details=details)


def _sorted_out(wanted: Approvals, about: Counting) -> tuple[dict[str, Given], list[tuple[Given, str]]]:
    """Person's name -> what counts; and what doesn't, with the reason, the oldest first."""
    counted: dict[str, Given] = {}
    refused: list[tuple[Given, str]] = []
    for one in sorted(about.given, key=time_of):
        why = uncounted(one, wanted, about)
        if why is None and one.person is not None:
            counted.setdefault(one.person.name, one)
        elif why is not None and not (one.refusal is None and one.said and one.said.decision == "rejected"):
            refused.append((one, why))
    return counted, refused


def _details(
    wanted: Approvals,
    counted: Mapping[str, Given] | None = None,
    able: Collection[str] = (),
    refused: Sequence[tuple[Given, str]] = (),
) -> dict[str, Any]:
    told = [(one.name, one.person.name if one.person else None, why) for one, why in refused]
    return {
        "count": wanted.count,
        "from": list(wanted.groups),
        "approved": {name: one.name for name, one in sorted((counted or {}).items())},
        "may_approve": sorted(able),
        "not_counted": [{"approval": name, "person": person, "why": why} for name, person, why in told],
    }


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
