"""Judges what was said against what's asked for. Pure: nothing is read here, nobody is asked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import content_of
from cdconf.promotion.candidate import Candidate, CandidateLink
from cdconf.promotion.checked import CheckedObject
from cdconf.promotion.offices import shown, stage_office
from cdconf.promotion.reasons import clock, elsewhere, unproven
from cdconf.promotion.said import Proof, Stop
from cdconf.promotion.stops import stop_links

if TYPE_CHECKING:
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.requirements import Requirements
    from cdconf.promotion.signers import Signers


def judge(
    wanted: Requirements,
    candidate: Candidate,
    proofs: Sequence[CheckedObject],
    stops: Sequence[CheckedObject],
    signers: Signers,
    now: float,
) -> list[CandidateLink]:
    """The links that a gate asks for.

    Args:
        wanted: What the environment asks for.
        candidate: What's about to be brought there.
        proofs: What stages said of the artifact, checked.
        stops: What was stopped and lifted, of the artifact and of its app, checked.
        signers: Who may speak for which office.
        now: This machine's time, in seconds since 1970.
    """
    concerned = [one for one in wanted.after if one.concerns(candidate.app) or one.name in wanted.always]
    changed = dict(wanted.changed)
    links = [
        CandidateLink(f"after {stage.name}", "missing", changed[stage.name])
        if stage.name in changed
        else _after(stage, wanted, candidate, proofs, signers, now)
        for stage in concerned
    ]
    if wanted.after and not links:
        names = ", ".join(one.name for one in wanted.after)
        why = f"no stage that {candidate.environment} asks for is for '{candidate.app}': {names}"
        links = [CandidateLink("after a stage", "missing", why)]
    links += [CandidateLink(f"after {name}", "missing", absent(name, source)) for name, source in wanted.absent]
    if links and candidate.not_built:
        links.insert(
            0, CandidateLink("built from a commit", "missing", candidate.not_built, f"cdconf build {candidate.app}")
        )
    if wanted.heeds_stops:
        links += _stopped(candidate, stops)
    for name in wanted.parity:
        which = f"every copy of {candidate.environment}" if name == "*" else name
        links.append(CandidateLink(f"parity {which}", "asked_later", "hosts are compared when it's deployed"))
    return links


def absent(stage: str, source: str) -> str:
    """Why a stage that the operator's policy asks for can't be passed."""
    return f"the pipeline in cdconf.yml has no stage '{stage}', for which {source} asks"


def _stopped(candidate: Candidate, stops: Sequence[CheckedObject]) -> list[CandidateLink]:
    found = stop_links(stops, candidate.project, candidate.app, candidate.subject.archive)
    return found or [CandidateLink("no stop", "there", f"{candidate.subject.name} isn't stopped")]


def is_about(stop: Stop, candidate: Candidate) -> bool:
    """Whether a stop is about this artifact, or its app: objects may lie under any name."""
    same = (stop.project, stop.app) == (candidate.project, candidate.app)
    return same and (stop.subject is None or stop.subject.archive == candidate.subject.archive)


def _after(
    stage: Stage,
    wanted: Requirements,
    candidate: Candidate,
    proofs: Sequence[CheckedObject],
    signers: Signers,
    now: float,
) -> CandidateLink:
    """Whether the artifact has passed a stage: what that has said of it and its procedure since it last failed counts.

    So a proof that's worth less, from a machine that isolates nothing, takes nothing away from a better one before.
    """
    name, office = f"after {stage.name}", stage_office(stage.name)
    command = proving_command(stage, candidate.subject.name, candidate.built_from)
    if not signers.of(office, now):
        return CandidateLink(
            name, "missing", _nobody(office, signers, now), f"cdconf key trust --office {shown(office)} KEY"
        )
    if candidate.procedure is None:
        return CandidateLink(name, "missing", candidate.not_provable, command)
    about_it = words_of(stage, candidate, proofs)
    problems = {checked_object.name: _unproven(checked_object, wanted, candidate, now) for checked_object in about_it}
    good = next(
        (checked_object for checked_object in since_failed(about_it) if problems[checked_object.name] is None), None
    )
    if good is not None:
        return CandidateLink(name, "there", _told(good), statement=good.name)
    if about_it:
        last = about_it[0]
        return CandidateLink(name, "missing", f"{_shortly(last)} {problems[last.name]}", command, last.name)
    return _none_counts(stage, candidate, proofs, CandidateLink(name, "missing", "", command))


def words_of(stage: Stage, candidate: Candidate, proofs: Sequence[CheckedObject]) -> list[CheckedObject]:
    """What a stage has said of the artifact by its procedure, the newest first."""
    return sorted((proof for proof in proofs if _is_about_it(proof, stage, candidate)), key=_rank, reverse=True)


def last_word(stage: Stage, candidate: Candidate, proofs: Sequence[CheckedObject]) -> Proof | None:
    """What a stage has said last of an artifact and its procedure, for who wants to know whether there's more to do.

    Unlike a gate it doesn't ask whether the commit's own code was kept from the key: to try again changes nothing.
    """
    said = next((checked_object.said for checked_object in words_of(stage, candidate, proofs)), None)
    return said if isinstance(said, Proof) else None


def since_failed(words: Sequence[CheckedObject]) -> list[CheckedObject]:
    """What it has said since it last failed, the newest first."""
    return list(itertools.takewhile(lambda checked_object: not _has_failed(checked_object), words))


def _none_counts(
    stage: Stage, candidate: Candidate, proofs: Sequence[CheckedObject], link: CandidateLink
) -> CandidateLink:
    """The link when nothing speaks of the stage as it should: with the reason of what comes nearest to that."""
    claims = [proof for proof in proofs if isinstance(proof.said, Proof) and proof.said.stage == stage.name]
    unread = [proof for proof in proofs if proof.said is None]
    nearest = max(
        claims,
        key=lambda checked_object: (checked_object.refusal is None, _rank(checked_object)),
        default=unread[-1] if unread else None,
    )
    if nearest is None:
        return replace(link, why=f"nobody has said that {candidate.subject.name} passed stage '{stage.name}'")
    problem = nearest.refusal
    if problem is None and isinstance(nearest.said, Proof):
        problem = elsewhere(nearest.said, stage, candidate)
    return replace(link, why=f"{_shortly(nearest)} {problem}", statement=nearest.name)


def _is_about_it(checked_object: CheckedObject, stage: Stage, candidate: Candidate) -> bool:
    """Whether it's the stage's word on this artifact by this procedure, from somebody who may say it."""
    said = checked_object.said
    if checked_object.refusal is not None or not isinstance(said, Proof) or said.stage != stage.name:
        return False
    return elsewhere(said, stage, candidate) is None


def _unproven(checked_object: CheckedObject, wanted: Requirements, candidate: Candidate, now: float) -> str | None:
    if not isinstance(checked_object.said, Proof):
        return "isn't a stage's"
    return unproven(checked_object.said, wanted.max_age, candidate.environment, now)


def _has_failed(checked_object: CheckedObject) -> bool:
    return isinstance(checked_object.said, Proof) and checked_object.said.result == "failed"


def _rank(checked_object: CheckedObject) -> tuple[float, bool]:
    """By time; of two at the same moment the bad news counts."""
    return (
        (checked_object.said.finished, _has_failed(checked_object))
        if isinstance(checked_object.said, Proof)
        else (0.0, False)
    )


def _nobody(office: str, signers: Signers, now: float) -> str:
    known = [signer for signer in signers.signers if office in signer.offices]
    if known:
        return f"only {signers.problem(known[0], now)} may speak for {shown(office)} here: {known[0].id}"
    return f"nobody may speak for {shown(office)} here ({signers.file})"


def proving_command(stage: Stage, label: str, built_from: str | None) -> str:
    """What makes an artifact pass a stage.

    Args:
        stage: The stage. For one that makes its environment itself, or has none, there's only the pipeline's run.
        label: The artifact, `shop@1.4`.
        built_from: The commit that it was built from.
    """
    if stage.environment is not None:
        return f"cdconf deploy {label} --to {stage.environment} --stage {stage.name}"
    return f"cdconf pipeline run --commit {built_from[:10]}" if built_from else "cdconf pipeline run"


def _told(checked: CheckedObject) -> str:
    if not isinstance(checked.said, Proof) or checked.signer is None:
        return ""
    return f"passed in {checked.said.environment} at {clock(checked.said.finished)}, says {checked.signer.principals}"


def _shortly(checked_object: CheckedObject) -> str:
    return f"statement {content_of(checked_object.name)[:12]}"


__all__ = [
    "Candidate",
    "CandidateLink",
    "absent",
    "is_about",
    "judge",
    "last_word",
    "proving_command",
    "since_failed",
    "words_of",
]
