"""SSH signatures (OpenSSH's PROTOCOL.sshsig), as `ssh-keygen -Y sign` makes and `ssh-keygen -Y verify` checks them.

Verified here rather than by ssh-keygen, so that a gate with many of them needs no processes. It takes less than that
does: no SHA-1, no certificates, no RSA below 2048 bits, and from a FIDO token only what somebody has touched it for
(OpenSSH's PROTOCOL.u2f; ssh-keygen doesn't look at that).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.promotion.ssh.keys import ECDSA, ED25519, RSA, SK_ECDSA, SK_ED25519, SshKey, key_of, public_and_application
from cdconf.promotion.ssh.wire import Malformed, WireReader, string

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

MAGIC, VERSION = b"SSHSIG", 1
LARGEST = 32 * 1024  # bytes
TOUCHED = 0x01  # of a token's flags: somebody was there
_HASHES = ("sha256", "sha512")
_ARMOUR = re.compile(r"\s*-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END SSH SIGNATURE-----\s*")
_SHA1 = "is signed with RSA and SHA-1 (ssh-rsa), which can be forged: rsa-sha2-256 and rsa-sha2-512 are taken"
_RSA = {"rsa-sha2-256": "SHA256", "rsa-sha2-512": "SHA512"}
_OF_CURVES = {"nistp256": "SHA256", "nistp384": "SHA384", "nistp521": "SHA512"}


@dataclass(frozen=True)
class SshSignature:
    """A signature, which nobody has verified yet.

    Attributes:
        key: Whose it claims to be.
        namespace: What it was made for.
        hash: What the message is hashed by: `sha256` or `sha512`.
        kind: The algorithm: the key's kind, but for RSA.
        blob: The signature proper.
        flags: A token's flags; None for other keys.
        counter: A token's counter of signatures.
    """

    key: SshKey
    namespace: str
    hash: str
    kind: str
    blob: bytes
    flags: int | None = None
    counter: int = 0


def dearmoured(text: str) -> bytes:
    """The bytes of a signature that `ssh-keygen -Y sign` has printed.

    Raises:
        Malformed: It's none.
    """
    match = _ARMOUR.fullmatch(text) if len(text) <= 2 * LARGEST else None
    if match is None:
        raise Malformed("isn't an SSH signature")
    try:
        return base64.b64decode("".join(match[1].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("isn't an SSH signature: it isn't Base64") from error


def armoured(data: bytes) -> str:
    """A signature as `ssh-keygen -Y verify` reads it."""
    text = base64.b64encode(data).decode("ascii")
    lines = [text[place : place + 70] for place in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def signature_of(data: bytes) -> SshSignature:
    """The signature that some bytes are.

    Raises:
        Malformed: They are none, or one that isn't taken.
    """
    if len(data) > LARGEST:
        raise Malformed(f"has a signature of more than {LARGEST} bytes")
    reader = WireReader(data)
    if reader.take(len(MAGIC)) != MAGIC:
        raise Malformed("isn't signed by an SSH key as `ssh-keygen -Y sign` does it")
    version = reader.number()
    if version != VERSION:
        raise Malformed(f"has an SSH signature of version {version}, and {VERSION} is known")
    key, namespace = key_of(reader.string()), reader.text()
    reserved, hash_, signed = reader.string(), reader.text(), reader.string()
    reader.end()
    if reserved:
        raise Malformed("has an SSH signature with something in a place that is reserved")
    if hash_ not in _HASHES:
        raise Malformed(f"is signed over the hash {hash_[:20]}; {' and '.join(_HASHES)} are taken")
    return _signed(key, namespace, hash_, signed)


def _signed(key: SshKey, namespace: str, hash_: str, signed: bytes) -> SshSignature:
    inner = WireReader(signed)
    kind, blob = inner.text(), inner.string()
    flags, counter = (inner.byte(), inner.number()) if key.is_on_token else (None, 0)
    inner.end()
    if kind == RSA:
        raise Malformed(_SHA1)
    if kind not in (_RSA if key.kind == RSA else (key.kind,)):
        raise Malformed(f"is signed by {kind[:60]}, which isn't what a key of the kind {key.kind} does")
    return SshSignature(key, namespace, hash_, kind, blob, flags, counter)


def verify(signature: SshSignature, message: bytes, namespace: str) -> None:
    """Verifies that its key has signed the message, for this namespace.

    Raises:
        Malformed: It hasn't, or nobody has touched the token.
    """
    from cryptography.exceptions import InvalidSignature

    if signature.namespace != namespace:
        raise Malformed(f"is signed for '{signature.namespace[:60]}', not for '{namespace}'")
    public, application = public_and_application(signature.key)
    digest = hashlib.new(signature.hash, message).digest()
    signed = MAGIC + b"".join(map(string, (namespace.encode(), b"", signature.hash.encode(), digest)))
    if signature.flags is not None:
        if not signature.flags & TOUCHED:
            raise Malformed("is signed by a FIDO key that nobody has touched")
        about = bytes([signature.flags]) + signature.counter.to_bytes(4, "big")
        signed = hashlib.sha256(application.encode()).digest() + about + hashlib.sha256(signed).digest()
    try:
        _verify(public, signature, signed)
    except InvalidSignature as error:
        text = f"was changed after it was signed, or its signature is forged: it isn't one of {signature.key.id}"
        raise Malformed(text) from error


def _verify(public: Any, signature: SshSignature, signed: bytes) -> None:
    kind = signature.kind
    if kind in (ED25519, SK_ED25519):
        public.verify(signature.blob, signed)
    elif kind in _RSA:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        size = (public.key_size + 7) // 8  # some agents leave zeros at the beginning away
        public.verify(signature.blob.rjust(size, b"\0"), signed, PKCS1v15(), _hash(_RSA[kind]))
    else:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA as ECDSA_
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        reader = WireReader(signature.blob)
        one, other = reader.integer(), reader.integer()
        reader.end()
        curve = "nistp256" if kind == SK_ECDSA else kind.removeprefix(ECDSA)
        public.verify(encode_dss_signature(one, other), signed, ECDSA_(_hash(_OF_CURVES[curve])))


def _hash(name: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    found: HashAlgorithm = getattr(hashes, name)()
    return found
