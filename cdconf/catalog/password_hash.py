"""Hashes of passwords as /etc/shadow holds them: the SHA-crypt of crypt(5), by the specification of U. Drepper.

(https://www.akkadia.org/drepper/SHA-crypt.txt.) Python 3.13 has no `crypt` any more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT = re.compile(r"[./0-9A-Za-z]{1,16}")
_DEFAULT_ROUNDS = 5000
_ROUNDS = range(1000, 1_000_000_000)


def _places(size: int, step: int, last: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Which bytes of the digest become four letters together: each three are turned by one place."""
    third = size // 3
    found: list[tuple[int, ...]] = []
    place: tuple[int, ...] = (0, third, 2 * third)
    for _ in range(third):
        found.append(place)
        place = tuple((place[(number + step) % 3] + 1) for number in range(3))
    return [*found, last]


# Name -> its id in crypt(5), the hash, and the order of the digest's bytes.
_KINDS: Mapping[str, tuple[str, Callable[..., Any], list[tuple[int, ...]]]] = MappingProxyType(
    {
        "sha512": ("6", hashlib.sha512, _places(63, 1, (63,))),
        "sha256": ("5", hashlib.sha256, _places(30, 2, (31, 30))),
    }
)


def password_hash(value: object, hashtype: str = "sha512", salt: str | None = None, rounds: int | None = None) -> str:
    """A password's hash for /etc/shadow.

    Args:
        value: The password.
        hashtype: sha512 or sha256.
        salt: Up to 16 letters, digits, dots and slashes.
        rounds: How often it's hashed, 5000 times by default.

    Raises:
        ValueError: Something isn't known; the salt is missing or none.
    """
    if hashtype not in _KINDS:
        raise ValueError(f"'password_hash' knows no '{hashtype}': {', '.join(_KINDS)}")
    if salt is None:
        raise ValueError("'password_hash' needs a salt, such as a secret of the role: without one each run differs")
    if not _SALT.fullmatch(str(salt)):
        raise ValueError("a salt of 'password_hash' has up to 16 letters, digits, dots and slashes")
    if rounds is not None and rounds not in _ROUNDS:
        raise ValueError(f"'password_hash' takes {_ROUNDS[0]} to {_ROUNDS[-1]} rounds")
    name, function, places = _KINDS[hashtype]
    digest = _digest(function, str(value).encode(), str(salt).encode(), rounds or _DEFAULT_ROUNDS)
    text = "".join(_letters([digest[place] for place in several]) for several in places)
    return f"${name}${'' if rounds is None else f'rounds={rounds}$'}{salt}${text}"


def _digest(function: Callable[..., Any], password: bytes, salt: bytes, rounds: int) -> bytes:
    """The digest that's written down; the numbers are the specification's steps."""
    other = function(password + salt + password).digest()  # 4 to 8
    first = function(password + salt + _repeated(other, len(password)))  # 1 to 3, 9, 10
    length = len(password)
    while length:  # 11
        first.update(other if length & 1 else password)
        length >>= 1
    current: bytes = first.digest()  # 12
    many = _repeated(function(password * len(password)).digest(), len(password))  # 13 to 16
    salted = _repeated(function(salt * (16 + current[0])).digest(), len(salt))  # 17 to 20
    for number in range(rounds):  # 21
        parts = [many if number & 1 else current]
        parts += [salted] if number % 3 else []
        parts += [many] if number % 7 else []
        parts += [current if number & 1 else many]
        current = function(b"".join(parts)).digest()
    return current


def _repeated(digest: bytes, size: int) -> bytes:
    return (digest * (size // len(digest) + 1))[:size]


def _letters(several: list[int]) -> str:
    """Three bytes as four letters, the lowest bits first; of the last bytes as many as are needed."""
    number = int.from_bytes(bytes(several), "big")
    count = {3: 4, 2: 3, 1: 2}[len(several)]
    return "".join(_LETTERS[(number >> 6 * place) & 63] for place in range(count))
