"""Reads certificates and keys: PEM (RFC 7468) around DER (ITU-T X.690), as RFC 5280, 5915, 5958 and 8017 lay it out."""

import base64
import binascii
import calendar
import ipaddress
import re
import time

from cdconf.agent import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*([A-Za-z0-9+/=\s]*?)-----END \1-----")
INTEGER, BITS, OCTETS, OID, UTC_TIME = 0x02, 0x03, 0x04, 0x06, 0x17
SEQUENCE, SET = 0x30, 0x31
SUBJECT_ALT_NAME = "2.5.29.17"
COMMON_NAME = "2.5.4.3"
RSA = "1.2.840.113549.1.1.1"
EC = "1.2.840.10045.2.1"
CURVES = {
    "1.2.840.10045.3.1.7": "ec-p256",
    "1.3.132.0.34": "ec-p384",
    "1.3.132.0.35": "ec-p521",
    "1.3.101.112": "ed25519",
}


class MalformedDer(Exception):
    """It isn't what it should be."""


def pem(text: "str") -> "list[tuple[str, bytes]]":
    """(label, DER) of every block of a text."""
    try:
        return [
            (label, base64.b64decode("".join(texts.words(body)), validate=True)) for label, body in _PEM.findall(text)
        ]
    except binascii.Error as error:
        raise MalformedDer("its base64 is damaged: {}".format(error))


def elements(data: "bytes") -> "list[tuple[int, bytes]]":
    """(tag, content) of the elements that follow each other in DER (X.690, 8.1)."""
    found, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise MalformedDer("its DER ends too early")
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= 4 or at + count > len(data):
                raise MalformedDer("its DER has a length that can't be")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise MalformedDer("its DER ends too early")
        found.append((tag, data[at : at + length]))
        at += length
    return found


def _inside(data: "bytes", *path: "int") -> "bytes":
    """The content of the element that a path of positions leads to."""
    for position in path:
        members = elements(data)
        if position >= len(members):
            raise MalformedDer("its DER lacks a part")
        data = members[position][1]
    return data


def oid(content: "bytes") -> "str":
    """An object identifier as dotted numbers (X.690, 8.19)."""
    numbers, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2) if numbers else 0
    return ".".join(str(one) for one in [first, numbers[0] - 40 * first] + numbers[1:]) if numbers else ""


def _time(tag: "int", content: "bytes") -> "int":
    """Seconds since 1970 (RFC 5280, 4.1.2.5): YYMMDDhhmmssZ with 1950 to 2049, or YYYYMMDDhhmmssZ."""
    text = content.decode("ascii", "replace")
    if tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    try:
        return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ"))
    except ValueError:
        raise MalformedDer("'{}' isn't a time".format(text))


class Certificate(object):
    """A certificate (RFC 5280, 4.1).

    Attributes:
        not_after: When it expires, in seconds since 1970.
        names: Its subject alternative names, DNS names and IP addresses, sorted.
        public_key: The bits of its public key.
        key_type: `rsa-2048`, `ec-p256`, `ed25519`; the algorithm's OID for others.
        self_issued: Whether issuer and subject are the same.
        common_name: The subject's; empty when it has none.
    """

    def __init__(self, data: "bytes") -> "None":
        try:
            self._read(data)
        except IndexError:
            raise MalformedDer("its DER lacks a part")

    def _read(self, data: "bytes") -> "None":
        parts = elements(_inside(data, 0, 0))
        if parts and parts[0][0] == 0xA0:
            parts = parts[1:]  # the version
        if len(parts) < 6:
            raise MalformedDer("its DER lacks a part")
        issuer, validity, subject, key = (parts[position][1] for position in (2, 3, 4, 5))
        self.self_issued = issuer == subject
        self.common_name = "".join(_common_names(subject)[-1:])
        ends = elements(validity)
        if len(ends) != 2:
            raise MalformedDer("its validity can't be read")
        self.not_after = _time(*ends[1])
        self.public_key = _inside(key, 1)[1:]
        self.key_type = _key_type(_inside(key, 0), self.public_key)
        self.names = sorted(_names(parts[6:]))


def _common_names(subject: "bytes") -> "list[str]":
    """Those of a name (RFC 5280, 4.1.2.4): a sequence of sets of (type, value)."""
    pairs = [elements(pair) for _, one in elements(subject) for _, pair in elements(one)]
    return [pair[1][1].decode("utf-8", "replace") for pair in pairs if oid(pair[0][1]) == COMMON_NAME]


def _key_type(algorithm: "bytes", public: "bytes") -> "str":
    members = elements(algorithm)
    name = oid(members[0][1])
    if name == RSA:
        return "rsa-{}".format(int.from_bytes(_inside(public, 0, 0), "big").bit_length())
    curve = oid(members[1][1]) if len(members) > 1 and members[1][0] == OID else name
    return CURVES.get(curve, curve)


def _names(rest: "list[tuple[int, bytes]]") -> "Iterator[str]":
    """DNS names ([2]) and IP addresses ([7]) of the extension (RFC 5280, 4.2.1.6)."""
    for tag, content in rest:
        if tag != 0xA3:
            continue
        for _, extension in elements(_inside(content, 0)):
            members = elements(extension)
            if oid(members[0][1]) != SUBJECT_ALT_NAME:
                continue
            for kind, value in elements(_inside(members[-1][1], 0)):
                if kind == 0x82:
                    yield value.decode("ascii", "replace")
                elif kind == 0x87 and len(value) in (4, 16):
                    yield str(ipaddress.ip_address(value))


def certificate(text: "str") -> "Certificate":
    """The first certificate of a PEM text.

    Raises:
        Malformed: There's none, or it's damaged.
    """
    for label, data in pem(text):
        if label == "CERTIFICATE":
            return Certificate(data)
    raise MalformedDer("there's no certificate in it")


def belongs(text: "str", public_key: "bytes") -> "bool | None":
    """Whether a private key in PEM has a certificate's public key; None when that can't be told."""
    for label, data in pem(text):
        if label == "PRIVATE KEY":  # PKCS #8 (RFC 5958): version, algorithm, key
            algorithm, inner = oid(_inside(data, 0, 1, 0)), _inside(data, 0, 2)
            return _matches(inner, public_key, algorithm == RSA) if algorithm in (RSA, EC) else None
        if label == "RSA PRIVATE KEY":
            return _matches(data, public_key, True)
        if label == "EC PRIVATE KEY":
            return _matches(data, public_key, False)
    if not pem(text):
        raise MalformedDer("there's no private key in it")
    return None


def _matches(key: "bytes", public_key: "bytes", rsa: "bool") -> "bool | None":
    members = elements(_inside(key, 0))
    if rsa:  # RFC 8017, A.1.2: version, modulus, ...
        return len(members) > 1 and members[1][1] == _inside(public_key, 0, 0)
    for tag, content in members:  # RFC 5915: [1] is the public key, if it's there
        if tag == 0xA1:
            return _inside(content, 0)[1:] == public_key
    return None
