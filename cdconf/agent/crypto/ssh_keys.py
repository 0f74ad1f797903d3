"""Lines of authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): `[options] type base64 [comment]`."""

import base64
import binascii
import hashlib
import struct

from cdconf.agent import texts

TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
FINGERPRINT = "SHA256:"


class AuthorizedKey(object):
    """One public key: `options`, `type`, `blob` (base64) and `comment`, empty where there are none."""

    def __init__(self, options: "str", kind: "str", blob: "str", comment: "str") -> "None":
        self.options = options
        self.kind = kind
        self.blob = blob
        self.comment = comment

    def line(self) -> "str":
        """The key as a line, without the newline, single spaces between its parts."""
        return " ".join(part for part in (self.options, self.kind, self.blob, self.comment) if part)

    def fingerprint(self) -> "str":
        """`SHA256:` and the digest in base64, as `ssh-keygen -l` shows it."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return FINGERPRINT + base64.b64encode(digest).decode("ascii").rstrip("=")


def parse(line: "str") -> "AuthorizedKey":
    """The key of a line.

    Raises:
        ValueError: It isn't a public key; the text says why, and never holds the line.
    """
    text = texts.strip(line)
    if "PRIVATE KEY" in text:
        raise ValueError("that's a private key")
    if "\n" in text or "\r" in text:
        raise ValueError("a key is one line")
    first, rest = _word(text)
    options = ""
    if first not in TYPES:
        options, (first, rest) = first, _word(rest)
    if first not in TYPES:
        kind = first if first and rest else options
        raise ValueError("'{}' is no type of key that sshd accepts".format(kind[:40]))
    blob, comment = rest.partition(" ")[::2]
    _check_blob(first, blob)
    return AuthorizedKey(options, first, blob, texts.strip(comment))


def _word(text: "str") -> "tuple[str, str]":
    """The text up to the first blank outside of quotes, and what follows."""
    quoted = False
    for index, letter in enumerate(text):
        if letter == '"' and text[index - 1 : index] != "\\":
            quoted = not quoted
        elif letter in " \t" and not quoted:
            return text[:index], text[index:].lstrip(" \t").replace("\t", " ")
    if quoted:
        raise ValueError("a quote in the options isn't closed")
    return text, ""


def _check_blob(kind: "str", blob: "str") -> "None":
    """The base64 part begins with the type again (RFC 4253, 6.6), and is whole."""
    try:
        data = base64.b64decode(blob.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeError):
        raise ValueError("the key isn't base64")
    parts = []
    while data:
        if len(data) < 4 or len(data) - 4 < struct.unpack(">I", data[:4])[0]:
            raise ValueError("the key is cut short")
        size = 4 + struct.unpack(">I", data[:4])[0]
        parts.append(data[4:size])
        data = data[size:]
    if len(parts) < 2 or parts[0] != kind.encode("ascii"):
        raise ValueError("the key isn't of the type that it claims, {}".format(kind))
    if kind == "ssh-ed25519" and len(parts[1]) != 32:
        raise ValueError("an ed25519 key has 32 bytes, this one {}".format(len(parts[1])))


def parsed(line: "str") -> "AuthorizedKey | None":
    """The key of a file's line; None for comments, empty lines and what isn't a key."""
    if not texts.strip(line) or line.lstrip(" \t").startswith("#"):
        return None
    try:
        return parse(line)
    except ValueError:
        return None
