"""Who can read an environment's secrets, and for whom each of them was encrypted.

age doesn't say for whom something is encrypted, only for how many. So secrets.yml says it behind each secret:

    shop_mail_password: age:…  # for age1eg0cwh05tha0tmxs age1zvkyg2lqzraa2zln

A comment that doesn't fit the number, or that's missing since an older cdconf wrote the file, counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_FOR = "  # for "
_LENGTH = 20  # of what is kept of a public key
_RECIPIENT = re.compile(rb"^-> X25519 ", re.MULTILINE)
_END = b"\n---"  # of the header


@dataclass(frozen=True)
class Readers:
    """For whom a secret is encrypted: how many, and who, as far as that's known."""

    count: int
    keys: frozenset[str] | None = None


@dataclass
class Shift:
    """How secrets that lie there differ from who should read them. Names are sorted.

    Attributes:
        closed: Recipient -> secrets that they can't read.
        opened: Who is no recipient any more -> secrets that they can read.
        fewer: Secrets for fewer than there are recipients, nobody knows who.
        more: Secrets for more than there are recipients, nobody knows who.
    """

    closed: dict[str, list[str]] = field(default_factory=dict)
    opened: dict[str, list[str]] = field(default_factory=dict)
    fewer: list[str] = field(default_factory=list)
    more: list[str] = field(default_factory=list)


def short(key: object) -> str:
    """What is kept of a public key: enough to find it by."""
    return str(key)[:_LENGTH]


def marked(text: str, names: Iterable[str], keys: Iterable[object]) -> str:
    """The text of a secrets.yml that says behind these secrets for whom they are; every other line stays.

    Args:
        text: The text.
        names: The secrets that were just encrypted.
        keys: The public keys for which they were.
    """
    said = f"{_FOR}{' '.join(sorted(map(short, keys)))}"
    fresh = frozenset(names)
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if _name(line) in fresh:
            content = line.rstrip("\r\n")
            lines[number] = content.partition(_FOR)[0].rstrip() + said + line[len(content) :]
    return "".join(lines)


def _name(line: str) -> str | None:
    """The secret that a line is of."""
    name, colon, _ = line.partition(":")
    return name.rstrip() if colon and name.rstrip().isidentifier() else None


def comments(text: str) -> dict[str, frozenset[str]]:
    """Secret -> for whom it is, by what the lines of secrets.yml say."""
    found: dict[str, frozenset[str]] = {}
    for line in text.splitlines():
        secret, told, said = line.partition(_FOR)
        name = _name(secret)
        if told and name is not None:
            found[name] = frozenset(said.split())
    return found


def readers(ciphertext: bytes, said: frozenset[str] | None) -> Readers:
    """For whom a secret is encrypted.

    Args:
        ciphertext: The secret, an age file.
        said: For whom the comment says that it is.
    """
    count = len(_RECIPIENT.findall(ciphertext.partition(_END)[0]))
    return Readers(count, said if said is not None and len(said) == count else None)


def shift(secrets: Mapping[str, Readers], recipients: Iterable[object]) -> Shift:
    """How secrets differ from who should read them.

    Args:
        secrets: Name -> for whom it is encrypted.
        recipients: The public keys of those who should.
    """
    wanted = frozenset(map(short, recipients))
    found = Shift()
    for name, one in sorted(secrets.items()):
        if one.keys is None:
            if one.count != len(wanted):
                (found.fewer if one.count < len(wanted) else found.more).append(name)
            continue
        for key in sorted(wanted - one.keys):
            found.closed.setdefault(key, []).append(name)
        for key in sorted(one.keys - wanted):
            found.opened.setdefault(key, []).append(name)
    return found
