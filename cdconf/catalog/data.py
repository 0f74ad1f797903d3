"""What an expression may give: text, numbers, truths, lists and maps, and nothing that stays alive behind them."""

from __future__ import annotations

import math
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from collections.abc import Set as AbstractSet
from typing import Any

import jinja2

from cdconf.catalog.limits import DEEPEST, LARGEST

LARGEST_NUMBER = 10**100
_PLAIN = frozenset((bool, type(None)))
_VIEWS = (tuple, range, AbstractSet, KeysView, ValuesView, ItemsView, Iterator)


class NotDataError(Exception):
    """An expression gives what isn't data."""


def as_data(value: Any) -> Any:
    """An expression's value as data; lists are made of what gives its members one by one.

    Raises:
        NotDataError: It's something else, such as a function, or text that no file can hold; or it's too large.
        jinja2.UndefinedError: It holds something undefined.
    """
    return _Reading().data(value, 0)


class _Reading:
    """One value, read through once: what it takes in all is counted, as often as it's in there."""

    def __init__(self) -> None:
        self._left = LARGEST

    def data(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if isinstance(value, str):
            self._count(len(value))
            check_text(value)
            return value
        self._count(1)
        if kind in _PLAIN:
            return value
        if kind is int or kind is float:
            return _number(value)
        if depth == DEEPEST:
            raise NotDataError(f"it gives lists or maps that are more than {DEEPEST} deep")
        if isinstance(value, Mapping):
            return self._map(value, depth + 1)
        if isinstance(value, list):
            members = [self.data(member, depth + 1) for member in value]
            same = len(members) == len(value) and all(one is other for one, other in zip(members, value, strict=True))
            return value if same else members
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises with its own message
        if isinstance(value, _VIEWS):
            return [self.data(member, depth + 1) for member in value]
        raise NotDataError(f"it gives {_named(value)}, which is no data")

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise NotDataError(f"it gives more than {LARGEST >> 20} Mi of text and members")

    def _map(self, value: Mapping[Any, Any], depth: int) -> Mapping[str, Any]:
        changed = not isinstance(value, dict)
        members = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise NotDataError("it gives a map in which a key isn't text")
            self._count(len(key))
            check_text(key)
            members[key] = self.data(member, depth)
            changed = changed or members[key] is not member
        return members if changed else value


def check_text(text: str) -> None:
    """Refuses text that UTF-8 can't hold: half of a surrogate pair.

    Raises:
        NotDataError: It is.
    """
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise NotDataError(f"it gives text with half a character in it (U+{ord(text[error.start]):04X})") from None


def _number(value: float) -> float:
    if isinstance(value, float) and not math.isfinite(value):
        raise NotDataError(f"it gives {value}, which is no number")
    if abs(value) >= LARGEST_NUMBER:
        raise NotDataError("it gives a number of more than 100 digits")
    return value


def _named(value: object) -> str:
    name = type(value).__name__.lstrip("_")
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
