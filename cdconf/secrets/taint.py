"""Tainted values: text that came from a secret, and says so wherever it goes."""

from __future__ import annotations

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
        return {key: taint(member) for key, member in value.items()}
    return [taint(member) for member in value] if isinstance(value, list) else value
