"""Fingerprints of OpenPGP public keys, so that a key is known before it's trusted; needs no gpg.

Formats: RFC 4880 and RFC 9580, packets in section 4.2, armor in section 6, fingerprints in section 12.2 (4880) and
5.5.4 (9580).
"""

import base64
import binascii
import hashlib
import re

from cdconf.agent import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ARMOR = re.compile(r"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)\r?\n-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_PUBLIC_KEY, _SUBKEY, _USER_ID = 6, 14, 13
_SECRET_KEYS = (5, 7)


class BadKey(Exception):
    """It isn't a public key, or none that can be read."""


class OpenPgpKey(object):
    """A primary key: its `fingerprint` in upper-case hex, those of its `subkeys`, its `users`."""

    def __init__(self, fingerprint: "str") -> "None":
        self.fingerprint = fingerprint
        self.subkeys: "list[str]" = []
        self.users: "list[str]" = []


def normal(fingerprint: "str") -> "str | None":
    """A fingerprint without spaces, colons and 0x, in upper case; None when it can't be one (40 or 64 hex digits)."""
    text = re.sub(r"[\s:]", "", fingerprint).upper()
    text = text[2:] if text.startswith("0X") else text
    return text if re.match(r"[0-9A-F]{40}\Z|[0-9A-F]{64}\Z", text) else None


def keys(data: "bytes") -> "list[OpenPgpKey]":
    """The primary keys of a key file, armored or binary, in their order.

    Args:
        data: The file's bytes.

    Raises:
        BadKey: It holds no public key, a secret one, or is damaged.
    """
    found = []
    for tag, body in packets(dearmor(data)):
        if tag in _SECRET_KEYS:
            raise BadKey("it holds a secret key")
        if tag == _PUBLIC_KEY:
            found.append(OpenPgpKey(fingerprint(body)))
        elif found and tag == _SUBKEY:
            found[-1].subkeys.append(fingerprint(body))
        elif found and tag == _USER_ID:
            found[-1].users.append(body.decode("utf-8", "replace"))
    if not found:
        raise BadKey("it holds no public key")
    return found


def dearmor(data: "bytes") -> "bytes":
    """The packets of all armored blocks of a file one after the other, or the data itself when it's binary."""
    if data[:1] and data[0] & 0x80:
        return data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadKey("it's neither armored text nor binary OpenPGP")
    blocks = [_block(match.group(1)) for match in _ARMOR.finditer(text)]
    if not blocks:
        what = "a private key" if "PRIVATE KEY" in text else "not a PGP PUBLIC KEY BLOCK"
        raise BadKey("it's {}".format(what))
    return b"".join(blocks)


def _block(text: "str") -> "bytes":
    lines = [texts.strip(line) for line in texts.lines(text)]
    if "" not in lines and any(": " in line for line in lines):
        raise BadKey("an armored block has no blank line after its headers")
    if "" in lines:
        lines = lines[lines.index("") + 1 :]
    checksum = lines.pop()[1:] if lines and lines[-1].startswith("=") and len(lines[-1]) == 5 else None
    try:
        data = base64.b64decode("".join(lines), validate=True)
        expected = None if checksum is None else int.from_bytes(base64.b64decode(checksum, validate=True), "big")
    except (binascii.Error, ValueError):
        raise BadKey("an armored block isn't base64")
    if expected is not None and expected != crc24(data):
        raise BadKey("an armored block is damaged: its checksum is wrong")
    return data


def crc24(data: "bytes") -> "int":
    """The checksum of armored data (RFC 4880, section 6.1)."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc


def packets(data: "bytes") -> "Iterator[tuple[int, bytes]]":
    """(tag, body) of each packet (RFC 4880, section 4.2).

    Raises:
        BadKey: A packet is cut off, or isn't one.
    """
    position = 0
    while position < len(data):
        first = data[position]
        if not first & 0x80:
            raise BadKey("it isn't OpenPGP data")
        if first & 0x40:
            tag, (start, length) = first & 0x3F, _new_length(data, position + 1)
        else:
            tag, (start, length) = (first >> 2) & 0x0F, _old_length(data, position + 1, first & 3)
        if start + length > len(data):
            raise BadKey("it's cut off")
        yield tag, data[start : start + length]
        position = start + length


def _new_length(data: "bytes", position: "int") -> "tuple[int, int]":
    octets = data[position : position + 5]
    if not octets:
        raise BadKey("it's cut off")
    if octets[0] < 192:
        return position + 1, octets[0]
    if octets[0] < 224 and len(octets) > 1:
        return position + 2, ((octets[0] - 192) << 8) + octets[1] + 192
    if octets[0] == 255 and len(octets) == 5:
        return position + 5, int.from_bytes(octets[1:], "big")
    raise BadKey("a packet's length can't be read")  # partial lengths are for data, never for keys


def _old_length(data: "bytes", position: "int", kind: "int") -> "tuple[int, int]":
    size = {0: 1, 1: 2, 2: 4}.get(kind)
    octets = data[position : position + size] if size else b""
    if not size or len(octets) < size:
        raise BadKey("a packet's length can't be read")
    return position + size, int.from_bytes(octets, "big")


def fingerprint(body: "bytes") -> "str":
    """The fingerprint of a public key packet's body, upper-case hex: SHA-1 for version 4, SHA-256 for 5 and 6."""
    version = body[0] if body else 0
    if version == 4:
        # SHA-1 is the format's definition; what it protects is that the right key is meant.
        return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()  # noqa: S324
    if version in (5, 6):
        prefix = b"\x9a" if version == 5 else b"\x9b"
        return hashlib.sha256(prefix + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise BadKey("a key of version {} can't be used".format(version))


def pinned(data: "bytes", fingerprints: "Sequence[str]") -> "None":
    """Checks that a key file holds the keys that it should, and no other.

    Args:
        data: The file's bytes.
        fingerprints: Those of its primary keys, in `normal` form.

    Raises:
        BadKey: It can't be read, lacks one of them, or holds another.
    """
    there = [key.fingerprint for key in keys(data)]
    strangers = [one for one in there if one not in fingerprints]
    missing = [one for one in fingerprints if one not in there]
    if strangers or missing:
        raise BadKey("its fingerprint is {}, not {}".format(", ".join(there), ", ".join(fingerprints)))


def armor(data: "bytes") -> "str":
    """Binary packets as one armored block, always the same for the same data."""
    text = base64.b64encode(data).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    checksum = "=" + base64.b64encode(crc24(data).to_bytes(3, "big")).decode("ascii")
    head, tail = ("-----{} PGP PUBLIC KEY BLOCK-----".format(word) for word in ("BEGIN", "END"))
    return "\n".join([head, ""] + lines + [checksum, tail, ""])
