"""Tainted values: text that came from a secret, and says so wherever it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_PLAIN = frozenset((str, int, bool, float, bytes, type(None)))


class Secret(str):
    """Text that mustn't be shown. It's text for whoever needs it, and `Secret('***')` in a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return self


def is_tainted(value: object) -> bool:
    """Whether a value is, or holds, a secret."""
    if type(value) in _PLAIN:  # most values, in a hot path
        return False
    if isinstance(value, Secret):
        return True
    if isinstance(value, dict):
        return any(is_tainted(member) for member in value.values())
    return isinstance(value, (list, tuple)) and any(is_tainted(member) for member in value)


def taint(value: Any) -> Any:
    """The same value with all its texts made secrets."""
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, dict):
        return {taint(key): taint(member) for key, member in value.items()}
    return [taint(member) for member in value] if isinstance(value, list) else value


def taint_again(value: Any, given: Any) -> Any:
    """Texts that were made of secrets where taint gets lost: all that weren't given as they are become secrets."""
    return _tainted_but(value, set(_public(given)))


def _tainted_but(value: Any, public: set[str]) -> Any:
    if isinstance(value, str):
        return value if value in public else Secret(value)
    if isinstance(value, dict):
        return {key: _tainted_but(member, public) for key, member in value.items()}
    return [_tainted_but(member, public) for member in value] if isinstance(value, list) else value


def _public(value: Any) -> Iterator[str]:
    """The texts in a value that are no secrets."""
    if isinstance(value, str):
        if not isinstance(value, Secret):
            yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _public(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from _public(member)
