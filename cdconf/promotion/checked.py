"""Whether an envelope is signed by somebody who may say what it says.

The key must have the office that fits the statement's type and the stage that it names. What a key has signed proves
nothing once the key is revoked or past its time, whenever it signed: whoever holds it can write any time into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cdconf.artifacts import dsse
from cdconf.errors import ArtifactError
from cdconf.promotion.allowed_signers import Signer
from cdconf.promotion.offices import APPROVE, OVERRIDE, STAGE, shown, stage_office
from cdconf.promotion.said import Held, Lift, Override, Proof, RolesProof, Said, Stop
from cdconf.promotion.signers import Signers
from cdconf.promotion.statement import NotSaid, read_payload

AHEAD = 60.0  # seconds by which a signer's clock may be ahead of this one
_SHOWN = 80  # characters of what an envelope claims


@dataclass(frozen=True)
class CheckedObject:
    """An object of the store, read and checked.

    Attributes:
        name: The object's name.
        said: What it says; None when that can't be read.
        refusal: Why it counts for nothing, after "it"; None when it counts.
        signer: Who has signed it, when it counts.
        is_expired: Whether the key's time being over is all that's wrong with it.
    """

    name: str
    said: Said | None
    refusal: str | None = None
    signer: Signer | None = None
    is_expired: bool = False


def check_all(envelopes: Mapping[str, Mapping[str, Any]], signers: Signers, now: float) -> list[CheckedObject]:
    """Checks the objects of a store; statements of others' types, which say nothing to gates, are left out.

    Args:
        envelopes: Object's name -> envelope.
        signers: Who may speak for which office.
        now: This machine's time.
    """
    found = (check(name, envelope, signers, now) for name, envelope in envelopes.items())
    return [checked_object for checked_object in found if checked_object is not None]


def check(
    name: str, envelope: Mapping[str, Any], signers: Signers, now: float, opened: tuple[str, bytes] | None = None
) -> CheckedObject | None:
    """Checks one; see `check_all`. What `dsse.content` has given for it needn't be decoded again."""
    try:
        opened = opened or dsse.content(envelope)
        said = read_payload(*opened)
    except NotSaid as error:
        return CheckedObject(name, None, str(error))
    except ArtifactError as error:
        return CheckedObject(name, None, f"can't be read: {error.message}")
    if said is None:
        return None
    at = _time(said)
    if at > now + AHEAD:
        return CheckedObject(name, said, f"was made {at - now:.0f} s in the future, by its signer's clock")
    known = _signed(envelope, signers.signers, opened)
    return _by_signer(CheckedObject(name, said), said, known, envelope, signers, now)


def _by_signer(
    checked_object: CheckedObject,
    said: Said,
    known: Sequence[Signer],
    envelope: Mapping[str, Any],
    signers: Signers,
    now: float,
) -> CheckedObject:
    """What becomes of it by those who have signed."""
    if not known:
        return replace(checked_object, refusal=_unsigned(envelope, signers))
    valid = [signer for signer in known if signers.problem(signer, now) is None]
    if not valid:
        problem = f"is signed by {signers.problem(known[0], now)}: {known[0].id}"
        expired = any(signer.id not in signers.revoked and _may_say(signer, said) for signer in known)
        return replace(checked_object, refusal=problem, is_expired=expired)
    fitting = next((signer for signer in valid if _may_say(signer, said)), None)
    return (
        CheckedObject(checked_object.name, said, None, fitting)
        if fitting
        else replace(checked_object, refusal=_not_theirs(valid[0], said))
    )


def _time(said: Said) -> float:
    return said.finished if isinstance(said, (Proof, RolesProof)) else said.at


def _signed(envelope: Mapping[str, Any], signers: Sequence[Signer], opened: tuple[str, bytes]) -> list[Signer]:
    """Those who have signed. Keys that the envelope names are tried first: mostly that's all there is to do."""
    claimed = set(dsse.keyids(envelope))
    named = {signer.id: signer.key for signer in signers if signer.id in claimed and signer.key is not None}
    found = dsse.signers(envelope, named, opened)
    if not found:
        others = {signer.id: signer.key for signer in signers if signer.id not in claimed and signer.key is not None}
        found = dsse.signers(envelope, others, opened)
    return [signer for signer in signers if signer.id in found]


def _unsigned(envelope: Mapping[str, Any], signers: Signers) -> str:
    claimed = dsse.keyids(envelope)
    if not claimed:
        return "isn't signed"
    known = [signer.id for signer in signers.signers if signer.id in claimed]
    if known:
        return f"was changed after it was signed, or its signature is forged: it isn't one of {known[0]}"
    revoked = [one for one in claimed if one in signers.revoked]
    if revoked:
        return f"is signed by a revoked key: {revoked[0]}"
    return f"is signed by an unknown key: {claimed[0][:_SHOWN]}"


def _may_say(signer: Signer, said: Said) -> bool:
    if isinstance(said, (Proof, Held, RolesProof)):
        return stage_office(said.stage) in signer.offices
    if isinstance(said, Override):
        return OVERRIDE in signer.offices
    if isinstance(said, Stop) and said.stage is not None:
        return stage_office(said.stage) in signer.offices or OVERRIDE in signer.offices
    # Any of them may stop the line by hand; which may lift a stop is judged together with it.
    return any(office.startswith(STAGE) or office in (OVERRIDE, APPROVE) for office in signer.offices)


def _not_theirs(signer: Signer, said: Said) -> str:
    stage = getattr(said, "stage", None)
    if isinstance(said, Override):
        return f"is signed by a key that may not override: {_offices(signer.offices)} ({signer.id})"
    if signer.stages:
        return f"says that it's stage '{stage}', and is signed by the key of stage {' and '.join(signer.stages)}"
    return f"is signed by a key of another office: {_offices(signer.offices)}, not stage:{stage}"


def _offices(offices: Iterable[str]) -> str:
    return ", ".join(shown(office) for office in sorted(offices))


def may_lift(signer: Signer | None, stop: Stop) -> bool:
    """Whether a signer may lift a stop: whoever speaks for its stage, or for overrides; any office, one by hand."""
    if signer is None:
        return False
    if stop.stage is None:
        return True
    return OVERRIDE in signer.offices or stage_office(stop.stage) in signer.offices


__all__ = ["AHEAD", "CheckedObject", "Lift", "check", "check_all", "may_lift"]
