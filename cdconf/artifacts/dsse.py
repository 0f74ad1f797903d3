"""DSSE envelopes (https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, v1.0.2) with Ed25519.

An envelope is `{"payload": base64, "payloadType": text, "signatures": [{"keyid": text, "sig": base64}]}`. What is
signed is PAE(payloadType, payload), "pre-authentication encoding". An envelope without signatures holds a payload
that nobody has signed yet.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

IN_TOTO = "application/vnd.in-toto+json"


def pae(kind: str, payload: bytes) -> bytes:
    """`DSSEv1 LEN(type) type LEN(payload) payload`, lengths of bytes in ASCII decimals."""
    name = kind.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def wrap(payload: bytes, kind: str = IN_TOTO) -> dict[str, Any]:
    """An envelope that nobody has signed yet."""
    return {"payload": base64.b64encode(payload).decode("ascii"), "payloadType": kind, "signatures": []}


def signed(envelope: Mapping[str, Any], key: Ed25519PrivateKey, keyid: str) -> dict[str, Any]:
    """The envelope with one more signature; an earlier one of the same key is replaced."""
    kind, payload = content(envelope)
    signature = {"keyid": keyid, "sig": base64.b64encode(key.sign(pae(kind, payload))).decode("ascii")}
    others = [one for one in envelope["signatures"] if one["keyid"] != keyid]
    return {**envelope, "signatures": [*others, signature]}


def content(envelope: Mapping[str, Any]) -> tuple[str, bytes]:
    """The payload's type, and the payload.

    Raises:
        ArtifactError: It isn't an envelope.
    """
    kind, payload = _shape(envelope)
    try:
        return kind, base64.b64decode(payload, validate=True)
    except ValueError as error:
        # A lenient reader would leave out what isn't Base64, and see a payload that this one doesn't.
        raise ArtifactError(f"it isn't a DSSE envelope: its payload isn't Base64 ({error})") from error


def _shape(envelope: Mapping[str, Any]) -> tuple[str, str]:
    """The payload's type, and the payload as it stands there; for the errors see `content`."""
    try:
        kind, signatures, payload = envelope["payloadType"], envelope["signatures"], envelope["payload"]
        if not isinstance(kind, str) or not isinstance(signatures, list):
            raise TypeError("payloadType or signatures")
        for signature in signatures:
            if not isinstance(signature["keyid"], str) or not isinstance(signature["sig"], str):
                raise TypeError("a signature")
        if not isinstance(payload, str):
            raise TypeError("payload")
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"it isn't a DSSE envelope: {error}") from error
    return kind, payload


def keyids(envelope: Mapping[str, Any]) -> list[str]:
    """Whose signatures the envelope claims to have. A claim is no proof: see `signers`."""
    _shape(envelope)
    return [one["keyid"] for one in envelope["signatures"]]


def signers(
    envelope: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey], opened: tuple[str, bytes] | None = None
) -> list[str]:
    """The ids of those keys that have signed the envelope.

    A signature's `keyid` is a hint that anyone may write; so every key is tried. What `content` has given for this
    envelope needn't be decoded again.

    Raises:
        ArtifactError: It isn't an envelope.
    """
    from cryptography.exceptions import InvalidSignature

    message = pae(*(opened or content(envelope)))
    found = []
    for keyid, key in keys.items():
        for one in envelope["signatures"]:
            try:
                key.verify(base64.b64decode(one["sig"], validate=True), message)
            except (InvalidSignature, binascii.Error, ValueError):
                continue
            found.append(keyid)
            break
    return found
