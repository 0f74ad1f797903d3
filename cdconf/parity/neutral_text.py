"""Texts without the names and addresses in them: what's left must not differ between two environments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

NAME = "<name>"
# What may be a name or an address, or be joined of several: `192.0.2.11:8000`, `staging.example.com`, `db-staging`.
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]*[A-Za-z0-9])?")


class Neutral:
    """Takes names out of values, wherever they're a whole word or a part of one.

    Args:
        names: Of both environments: their own, their providers', their hosts' names and addresses.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._known = frozenset(name.lower() for name in names)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return _WORD.sub(lambda match: self._word(match[0]), value)
        if isinstance(value, dict):
            return {self(key): self(member) for key, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(member) for member in value]
        return value

    def _word(self, text: str) -> str:
        if text.lower() in self._known:
            return NAME
        for separator in (":", "-", "_"):
            if separator in text:
                return separator.join(map(self._word, text.split(separator)))
        return ".".join(self._labels(text.split("."))) if "." in text else text

    def _labels(self, left: list[str]) -> Iterator[str]:
        """An address or full name may be a part of a longer one: `192.0.2.11.conf`. The longest one counts."""
        while left:
            ends = range(len(left), 0, -1)
            end = next((one for one in ends if ".".join(left[:one]).lower() in self._known), 0)
            yield NAME if end else left[0]
            del left[: end or 1]
