"""Whether a saved plan says what its maker was shown.

A plan's proof stands in its file beside what people were shown:

    {"digest": HEX, "signatures": [{"keyid", "sig"}], "seal": {"checkout", "mac"}}

`digest` is the SHA-256 of all the rest. `signatures` are those of DSSE (see `cdconf.artifacts.dsse`) over the same
bytes, with the project's key where the maker has one. `seal` is a MAC under a key that only the maker's checkout has: a
plan that is made and applied in one checkout needs no other. A plan with neither can have been changed by whoever had
its file in hand: then `provision` compares what it shows with what hosts show now, and says that it can't know who made
it.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import dsse, keys, trust
from cdconf.atomic import make_private
from cdconf.errors import InvalidFile
from cdconf.own_files import damaged, read_bytes
from cdconf.plans.saved import PlanProof, SavedPlan

if TYPE_CHECKING:
    from cdconf.inventory import Project

KIND = "application/vnd.cdconf.plan+json"
_KEY = "plan.key"
_KEY_BYTES = 32


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is to be thought of a plan that nobody has changed since its digest was made.

    Attributes:
        authentic: Whether it's known to be as it was made.
        text: Who vouches for it, or that nobody does.
        refused: Why this machine doesn't apply it; None when it may.
    """

    authentic: bool
    text: str
    refused: str | None = None


def _words(plan: SavedPlan) -> bytes:
    """All that the plan says, in one form."""
    document = dataclasses.asdict(dataclasses.replace(plan, proof=None))
    del document["proof"]
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("utf-8")


def digest_of(plan: SavedPlan) -> str:
    """The SHA-256 of all that the plan says, in hex."""
    return hashlib.sha256(_words(plan)).hexdigest()


def proven(project: Project, plan: SavedPlan) -> SavedPlan:
    """The plan with its proof.

    Raises:
        ArtifactError: The signing key can't be used.
    """
    words = _words(plan)
    key = keys.own(project)
    signatures: list[dict[str, Any]] = []
    if key is not None:
        signatures = dsse.signed(dsse.wrap(words, KIND), key, keys.public_of(key).id)["signatures"]
    seal = {"checkout": project.checkout, "mac": _mac(project, words)}
    return dataclasses.replace(plan, proof=PlanProof(hashlib.sha256(words).hexdigest(), tuple(signatures), seal))


def judge(project: Project, plan: SavedPlan, file: str) -> Verdict:
    """Whether the plan is what its maker was shown.

    Args:
        project: The project.
        plan: The plan.
        file: Its file, for messages.

    Raises:
        InvalidFile: It was changed, or has no proof.
        ArtifactError: The trusted keys can't be read.
    """
    proof, words = plan.proof, _words(plan)
    again = "make a new one: `cdconf plan ENV --out FILE`"
    if proof is None:
        text = "the plan has no digest: an older cdconf made it, or somebody has taken that out"
        raise InvalidFile(text, file=file, hint=again)
    changed = InvalidFile("the plan was changed after it was made", file=file, hint=again)
    if not hmac.compare_digest(proof.digest, hashlib.sha256(words).hexdigest()):
        raise changed
    if proof.seal.get("checkout") == project.checkout:
        if not hmac.compare_digest(str(proof.seal.get("mac")), _mac(project, words)):
            raise changed
        return Verdict(authentic=True, text="made in this checkout")
    return _judge_signatures(project, proof, words, changed)


def _judge_signatures(project: Project, proof: PlanProof, words: bytes, changed: InvalidFile) -> Verdict:
    believed = trust.trust_of(project)
    claimed = [str(signature["keyid"]) for signature in proof.signatures]
    payload = base64.b64encode(words).decode("ascii")
    envelope = {"payload": payload, "payloadType": KIND, "signatures": list(proof.signatures)}
    known = {key.id: key.key for key in believed.keys.values()}
    signers = dsse.signers(envelope, known) if known and claimed else []
    if signers:
        return Verdict(authentic=True, text=f"signed by {signers[0]}")
    if any(one in known for one in claimed):
        raise changed
    text = f"signed by {', '.join(claimed)}, whom nobody here knows" if claimed else "signed by nobody"
    if believed.is_open:
        return Verdict(authentic=False, text=text)
    why = f"{project.name} trusts only certain keys here, and the plan is {text}"
    return Verdict(authentic=False, text=text, refused=why)


def _mac(project: Project, words: bytes) -> str:
    return hmac.new(_seal_key(project), words, hashlib.sha256).hexdigest()


def _seal_key(project: Project) -> bytes:
    """The checkout's own key, made when it's first needed; for its owner alone."""
    path = project.data / _KEY
    if not os.path.lexists(path):
        make_private(path, secrets.token_bytes(_KEY_BYTES))  # of two at once, one makes it
    try:
        key = read_bytes(path)
        if len(key) != _KEY_BYTES:
            raise ValueError(f"it has {len(key)} bytes, not {_KEY_BYTES}")
        return key
    except (OSError, ValueError) as error:
        hint = f"remove it: plans that this checkout makes from then on have a new key ({path})"
        raise damaged(path, error, "the key that seals this checkout's plans", hint) from error
