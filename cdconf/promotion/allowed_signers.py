"""Reads a line of OpenSSH's `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS), of which cdconf takes a part.

    principals namespaces="cdconf-stage:manual",valid-before="20270101Z" ssh-ed25519 AAAA… comment

What would let more keys speak, or speak for more, than the line says at first sight is refused: a line without
namespaces, wildcards, certificate authorities.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cdconf.artifacts.keys import PublicKey, parse
from cdconf.errors import ArtifactError
from cdconf.promotion.offices import STAGE, is_office

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = "ssh-ed25519"
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_OPTION = re.compile(r'([A-Za-z-]+)(?:="([^"]*)"|=([^,"]*))?(?:,|\Z)')
_KEY_TYPES = re.compile(r"(ssh-|sk-|ecdsa-|rsa-)[A-Za-z0-9@.-]+")
_WILDCARDS = frozenset("*?!")
_TIMES = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True)
class Signer:
    """A key, and what it may speak for.

    Attributes:
        id: The key's fingerprint, as `ssh-keygen -l` shows it.
        key: The key itself; None of a kind that only people's own keys have, which `ssh-keygen` verifies.
        principals: Whose it is.
        offices: The namespaces.
        valid_after: Seconds since 1970 before which it proves nothing; None: it always did.
        valid_before: Seconds since 1970 after which it proves nothing; None: it always will.
    """

    id: str
    key: Ed25519PublicKey | None
    principals: str
    offices: frozenset[str]
    valid_after: float | None = None
    valid_before: float | None = None

    @property
    def stages(self) -> list[str]:
        """The stages that it speaks for."""
        return sorted(office.removeprefix(STAGE) for office in self.offices if office.startswith(STAGE))


def signer_of(line: str, where: str) -> Signer:
    """The signer of a line.

    Args:
        line: The line, without its end.
        where: File and line, for errors.

    Raises:
        ArtifactError: It breaks a rule.
    """
    words = _WORD.findall(line)
    if len(words) >= 2 and _KEY_TYPES.fullmatch(words[1]):
        raise _broken(where, "the line has no namespaces, so its key could speak for everything", _SUCH_AS)
    if len(words) < 4 or not _KEY_TYPES.fullmatch(words[2]):
        raise _broken(where, "this isn't a line of allowed_signers", _SUCH_AS)
    principals, kind, text = words[0].strip('"'), words[2], words[3]
    if _WILDCARDS & set(principals):
        raise _broken(where, f"the principals '{principals}' have a wildcard", "name each signer")
    options = _options(words[1], where)
    offices = _offices(options.get("namespaces"), where)
    id_, key = _key(kind, text, where)
    if key is None and any(office.startswith(STAGE) for office in offices):
        raise _broken(where, f"a stage's key must be {ED25519}, not {kind}", "make one with `cdconf key new --office`")
    times = {name: _time(options[name], name, where) for name in ("valid-after", "valid-before") if name in options}
    return Signer(id_, key, principals, offices, times.get("valid-after"), times.get("valid-before"))


_SUCH_AS = 'such as: ci@build namespaces="cdconf-stage:manual" ssh-ed25519 AAAA…'


def _broken(where: str, message: str, hint: str) -> ArtifactError:
    return ArtifactError(f"{where}: {message}", hint=hint)


def _options(text: str, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        match = _OPTION.match(text, place)
        if match is None:
            raise _broken(where, f"the options '{text}' can't be read", _SUCH_AS)
        name = match[1].lower()
        if name == "cert-authority":
            raise _broken(where, "a certificate authority could make keys for everybody", "name each key itself")
        if name not in ("namespaces", "valid-after", "valid-before") or name in found:
            problem = "is there twice" if name in found else "isn't known"
            raise _broken(where, f"the option '{name}' {problem}", "there are: namespaces, valid-after, valid-before")
        found[name] = match[2] if match[2] is not None else match[3] or ""
        place = match.end()
    return found


def _offices(text: str | None, where: str) -> frozenset[str]:
    offices = [one.strip() for one in (text or "").split(",") if one.strip()]
    if not offices:
        raise _broken(where, "the line has no namespaces, so its key could speak for everything", _SUCH_AS)
    for office in offices:
        if _WILDCARDS & set(office):
            raise _broken(where, f"the namespace '{office}' has a wildcard", "name each office")
        if not is_office(office):
            hint = "there are: cdconf-stage:NAME, cdconf-approve, cdconf-override"
            raise _broken(where, f"the namespace '{office}' is no office that this version of cdconf knows", hint)
    return frozenset(offices)


def _key(kind: str, text: str, where: str) -> tuple[str, Ed25519PublicKey | None]:
    if kind == ED25519:
        found: PublicKey = parse(f"{kind} {text}", where)
        return found.id, found.key
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _broken(where, "the key isn't Base64", _SUCH_AS) from error
    return _fingerprint(blob), None


def fingerprint_of(line: str) -> str | None:
    """The fingerprint of a public key's line, of any kind that OpenSSH has, as `ssh-keygen -l` shows it.

    Args:
        line: Such as `ssh-ed25519 AAAA… name`.

    Returns:
        None when it's no such line.
    """
    kind, _, rest = line.partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0], validate=True)
    except (IndexError, ValueError):
        return None
    length = int.from_bytes(blob[:4], "big")
    if not _KEY_TYPES.fullmatch(kind) or len(blob) <= 4 + length or blob[4 : 4 + length] != kind.encode("ascii"):
        return None
    return _fingerprint(blob)


def _fingerprint(blob: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
    return f"SHA256:{digest}"


def _time(text: str, name: str, where: str) -> float:
    """Seconds since 1970 from YYYYMMDD[HHMM[SS]], in this machine's time zone, or in UTC with a Z behind it."""
    digits = text.removesuffix("Z")
    form = _TIMES.get(len(digits)) if digits.isdecimal() and digits.isascii() else None
    try:
        found = datetime.strptime(digits, form or "")  # noqa: DTZ007  the zone is told by the Z, or is the machine's
    except ValueError as error:
        hint = "YYYYMMDD or YYYYMMDDHHMM, with a Z behind it for UTC: 20270131Z"
        raise _broken(where, f"'{text}' isn't a time for {name}", hint) from error
    return (found.replace(tzinfo=UTC) if text.endswith("Z") else found.astimezone()).timestamp()
