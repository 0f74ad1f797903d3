"""Takes secrets, and what was made of them, out of an error about a resource's fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from cdconf.errors import CdconfError
from cdconf.secrets.mask import SHORTEST, SHOWN

_Error = TypeVar("_Error", bound=CdconfError)


def without(error: _Error, secrets: list[Any]) -> _Error:
    """The error with nothing of these values in its texts, however short it is.

    Args:
        error: Changed in place.
        secrets: Values that were made of secrets, of any kind.
    """
    texts = sorted({text for text in _texts(secrets) if text}, key=len, reverse=True)

    def said(words: str) -> str:
        for text in texts:
            words = words.replace(text, SHOWN)
        return words

    if texts:
        error.retell(said)
        error.__cause__, error.__suppress_context__ = None, True
    return error


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, and what Python shows of it."""
    if isinstance(value, str):
        yield from (str.__str__(value), str.__repr__(value)[1:-1])
        yield from (line for line in value.splitlines() if len(line) >= SHORTEST)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(key)
            yield from _texts(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
