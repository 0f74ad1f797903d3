"""Public keys of people, as OpenSSH writes them: `ssh-ed25519 AAAA… anna@laptop`.

These can approve: ed25519, ecdsa, rsa of 2048 bits or more, and both kinds that live on FIDO tokens. Certificates
can't, since the key that made one could make others for anybody.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.promotion.ssh.wire import Malformed, WireReader

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    Public = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

ED25519, RSA = "ssh-ed25519", "ssh-rsa"
ECDSA = "ecdsa-sha2-"
SK_ED25519, SK_ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"
CURVES = ("nistp256", "nistp384", "nistp521")
KINDS = (ED25519, *(ECDSA + one for one in CURVES), RSA, SK_ED25519, SK_ECDSA)
SMALLEST_RSA, LARGEST_RSA = 2048, 16384  # bits
_CERTIFICATE = "-cert-v01@openssh.com"


@dataclass(frozen=True)
class SshKey:
    """A public key.

    Attributes:
        kind: Such as `ssh-ed25519`.
        blob: Its bytes, as they stand in Base64 in its line.
        id: Its fingerprint, as `ssh-keygen -l` shows it.
    """

    kind: str
    blob: bytes

    @property
    def id(self) -> str:
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode("ascii").rstrip("=")
        return f"SHA256:{digest}"

    @property
    def line(self) -> str:
        """`ssh-ed25519 AAAA…`."""
        return f"{self.kind} {base64.b64encode(self.blob).decode('ascii')}"

    @property
    def is_on_token(self) -> bool:
        """Whether it lives on a FIDO token."""
        return self.kind in (SK_ED25519, SK_ECDSA)


def key_of_line(text: str) -> SshKey:
    """The key of a line such as `ssh-ed25519 AAAA… anna@laptop`.

    Raises:
        Malformed: It's none, or of a kind that can't approve.
    """
    words = text.split()
    if len(words) < 2:
        raise Malformed("isn't a public key: 'ssh-ed25519 AAAA… name'")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("isn't a public key: what stands behind its kind isn't Base64") from error
    found = key_of(blob)
    if found.kind != words[0]:
        raise Malformed(f"says that it's {words[0][:60]}, and is {found.kind}")
    return found


def key_of(blob: bytes) -> SshKey:
    """The key that some bytes are.

    Raises:
        Malformed: They are none, or one of a kind that can't approve.
    """
    found = SshKey(WireReader(blob).text(), blob)
    public_and_application(found)
    return found


def public_and_application(key: SshKey) -> tuple[Public, str]:
    """The key itself, and of a token's key the application that it was made for; empty for others.

    Raises:
        Malformed: See `key_of`.
    """
    reader = WireReader(key.blob)
    kind = reader.text()
    if kind.endswith(_CERTIFICATE):
        raise Malformed("is a certificate: whoever made it could make one for anybody, so the key itself is needed")
    if kind not in KINDS:
        raise Malformed(f"is a key of the kind {kind[:60]}, which can't approve; these can: {', '.join(KINDS)}")
    read = {ED25519: _ed25519, SK_ED25519: _ed25519, RSA: _rsa}.get(kind, _ecdsa)
    try:
        public = read(reader, kind)
    except ValueError as error:
        raise Malformed(f"isn't a key of the kind {kind}: {error}") from error
    application = reader.text() if key.is_on_token else ""
    reader.end()
    return public, application


def _ed25519(reader: WireReader, kind: str) -> Public:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(reader.string())


def _rsa(reader: WireReader, kind: str) -> Public:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    exponent, modulus = reader.integer(), reader.integer()
    bits = modulus.bit_length()
    if not SMALLEST_RSA <= bits <= LARGEST_RSA:
        raise Malformed(f"is an RSA key of {bits} bits; {SMALLEST_RSA} is the least, {LARGEST_RSA} the most")
    return RSAPublicNumbers(exponent, modulus).public_key()


def _ecdsa(reader: WireReader, kind: str) -> Public:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    curve = reader.text()
    expected = "nistp256" if kind == SK_ECDSA else kind.removeprefix(ECDSA)
    if curve != expected:
        raise Malformed(f"is a key on the curve {curve[:60]}, and says {expected}")
    return EllipticCurvePublicKey.from_encoded_point(_curve(curve), reader.string())


def _curve(name: str) -> EllipticCurve:
    from cryptography.hazmat.primitives.asymmetric import ec

    made: dict[str, Callable[[], EllipticCurve]] = {
        "nistp256": ec.SECP256R1,
        "nistp384": ec.SECP384R1,
        "nistp521": ec.SECP521R1,
    }
    return made[name]()
