"""For how long a stage's hosts have held a release, proven well. Pure: nothing is read here, nobody is asked.

Hosts tell it by their ledgers, whoever holds the stage's key says it, and gates add up what was said. So time counts
also when another release was there in between, and nobody has to reach the stage's hosts to judge a gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.attestations import content_of
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.judge import proving_command, since_failed, words_of
from cdconf.promotion.reasons import NOT_ISOLATED, clock, span
from cdconf.promotion.said import Held, HeldPeriod, Proof

if TYPE_CHECKING:
    from cdconf.inventory.pipeline import Stage
    from cdconf.inventory.requirement import Soak
    from cdconf.promotion.candidate import Candidate
    from cdconf.promotion.checked import CheckedObject
    from cdconf.promotion.requirements import Requirements

Span = tuple[float, float]


def soak_links(
    wanted: Requirements, candidate: Candidate, proofs: Sequence[CheckedObject], now: float
) -> list[CandidateLink]:
    """A link for each stage in which a release must have soaked.

    Args:
        wanted: What's asked for.
        candidate: What's about to be brought there.
        proofs: What stages said of the artifact, checked.
        now: This machine's time.
    """
    links = []
    for soak in wanted.soaks:
        stage = next((one for one in wanted.after if one.name == soak.stage), None)
        if stage is not None:  # one that the pipeline hasn't is a missing link already
            links.append(_soak(soak, stage, candidate, proofs, now))
    return links


def _soak(soak: Soak, stage: Stage, candidate: Candidate, proofs: Sequence[CheckedObject], now: float) -> CandidateLink:
    name, label, where = f"soak {soak}", candidate.subject.name, stage.environment or f"the copy of {stage.copy_of}"
    passed = _passed_at(stage, candidate, proofs)
    if passed is None:
        why = f"it begins to count once {label} has passed stage '{stage.name}' ({soak.source})"
        return CandidateLink(name, "missing", why, proving_command(stage, label, candidate.built_from))
    counted = [proof for proof in proofs if _problem(proof, stage, candidate) is None]
    spans = merged(span for checked_object in counted for span in _counted(checked_object, candidate, passed))
    total = length(spans)
    last = max(counted, key=_at, default=None)
    if total >= soak.seconds:
        why = f"{where} has held {label} for {span(total)}, proven well"
        return CandidateLink(name, "there", why, statement=last.name if last else None)
    command = (
        f"cdconf smoke {stage.environment} --stage {stage.name}" if stage.environment else None
    )  # its copy is gone
    why = _how_long(total, soak, spans, passed, now)
    told = f"as of {clock(_at(last))}" if last else _nearest(stage, candidate, proofs)
    known = f"{where} is known to have held {label} for {span(total)} of {span(soak.seconds)}"
    why = f"{known}, {told} ({soak.source}); {why}"
    return CandidateLink(name, "missing", why, command, last.name if last else None)


def _how_long(total: float, soak: Soak, spans: Sequence[Span], passed: float, now: float) -> str:
    """When it's worth looking again, if the hosts hold it all the time."""
    since = spans[-1][1] if spans else passed
    left = soak.seconds - total - max(0.0, now - since)
    if left > 0:
        return f"look again in {span(left)}, at {clock(now + left)}, if it stays there"
    return "look again: it may have been there for long enough"


def _passed_at(stage: Stage, candidate: Candidate, proofs: Sequence[CheckedObject]) -> float | None:
    """When the artifact first passed the stage, since it last failed; before that, nothing counts."""
    words = (checked_object.said for checked_object in since_failed(words_of(stage, candidate, proofs)))
    times = [word.finished for word in words if isinstance(word, Proof) and word.isolated]
    return min(times, default=None)


def _counted(checked_object: CheckedObject, candidate: Candidate, passed: float) -> list[Span]:
    """The parts of its periods that count: after the stage was passed, and not after it was said."""
    if not isinstance(checked_object.said, Held):
        return []
    fitting = [period for period in checked_object.said.periods if period.procedure == candidate.procedure]
    spans = [(max(period.begins, passed), min(period.ends, checked_object.said.at)) for period in fitting]
    return [(begin, end) for begin, end in spans if begin < end]


def _problem(checked_object: CheckedObject, stage: Stage, candidate: Candidate) -> str | None:
    """Why it counts for nothing here, after "it"."""
    said = checked_object.said
    if not isinstance(said, Held) or said.stage != stage.name:
        return "isn't about how long this stage has held it"
    home, copied = stage.environment, stage.copy_of
    about = (candidate.project, candidate.app, candidate.subject.archive, candidate.subject.tree)
    found = (
        (checked_object.refusal is not None, checked_object.refusal or ""),
        ((said.project, said.app, said.subject.archive, said.subject.tree) != about, "is about another artifact"),
        (home is not None and said.environment != home, f"is about the environment '{said.environment}'"),
        (copied is not None and said.copy_of != copied, f"is about {said.environment}, which isn't a copy of {copied}"),
        (not said.isolated, NOT_ISOLATED),
    )
    return next((why for is_so, why in found if is_so), None)


def _nearest(stage: Stage, candidate: Candidate, proofs: Sequence[CheckedObject]) -> str:
    """Why nobody has said anything that counts."""
    claims = [proof for proof in proofs if isinstance(proof.said, Held) and proof.said.stage == stage.name]
    if not claims:
        return "since nobody has looked"
    last = max(claims, key=_at)
    return f"since statement {content_of(last.name)[:12]} {_problem(last, stage, candidate)}"


def _at(checked_object: CheckedObject) -> float:
    return checked_object.said.at if isinstance(checked_object.said, Held) else 0.0


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time, each moment once, in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def length(spans: Iterable[Span]) -> float:
    """For how many seconds, each moment counted once."""
    return sum(end - begin for begin, end in merged(spans))


def held_by(events: Iterable[Mapping[str, Any]], archive: str, holds: bool, now: float) -> list[HeldPeriod]:
    """When a host held a release, by the events of its ledger.

    Args:
        events: See `cdconf.agent.records.events`, the oldest first; from a host, so that it may be anything.
        archive: The digest of the release's archive.
        holds: Whether the host holds it now.
        now: The host's time.

    Returns:
        The periods of which it's known how the release was brought there, by the host's clock.
    """
    found: list[HeldPeriod] = []
    names: dict[str, str] = {}  # release -> its archive
    began: float | None = None
    procedure: str | None = None
    for event in events:
        release, at, what = str(event.get("release")), float(event["at"]), event["event"]
        if isinstance(event.get("archive"), str):
            names.setdefault(release, event["archive"])
        is_it = names.get(release, event.get("archive")) == archive
        went_to = what in ("rolled_back", "reverted") and names.get(str(event.get("to"))) == archive
        begins = went_to or (what == "verified" and is_it)
        if what == "verified" and is_it and not event.get("back"):
            known = event.get("procedure")
            if began is not None and known != procedure:
                found += _period(began, at, procedure)
                began = None
            procedure = known if isinstance(known, str) else None
        if begins:
            began = at if began is None else began
        elif began is not None and _ends(what, is_it):
            found += _period(began, at, procedure)
            began = None
    return found + (_period(began, now, procedure) if holds and began is not None else [])


def _ends(what: str, is_it: bool) -> bool:
    """Whether what happened ends the time for which the release was held."""
    return what in ("activated", "rolled_back", "reverted", "verified") or (what == "pinned" and is_it)


def _period(begin: float, end: float, procedure: str | None) -> list[HeldPeriod]:
    return [HeldPeriod(begin, end, procedure)] if procedure is not None and begin < end else []


def by_all(periods: Sequence[Sequence[HeldPeriod]]) -> list[HeldPeriod]:
    """When all hosts held it, by one clock and brought there in the same way."""
    if not periods:
        return []
    found = list(periods[0])
    for others in periods[1:]:
        found = [
            HeldPeriod(max(period.begins, other.begins), min(period.ends, other.ends), period.procedure)
            for period in found
            for other in others
            if period.procedure == other.procedure and max(period.begins, other.begins) < min(period.ends, other.ends)
        ]
    return sorted(found, key=lambda period: period.begins)
