"""Facts that tell which of them a catalog was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class NotedFacts:
    """Facts that remember which of them were read.

    Args:
        facts: The facts themselves.
        read: Gets the names of those that were read; a set of its own by default.

    Attributes:
        read: Names, such as `os`.
        mapping: What templates get as `facts`.
    """

    def __init__(self, facts: Mapping[str, Any], read: set[str] | None = None) -> None:
        self.read = set() if read is None else read
        self.mapping: Mapping[str, Any] = _Mapping(facts, self.read)


class _Mapping(Mapping[str, Any]):
    """Templates may touch nothing but this: names with an underscore are out of their reach."""

    __slots__ = ("_facts", "_read")

    def __init__(self, facts: Mapping[str, Any], read: set[str]) -> None:
        self._facts = facts
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return self._facts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._facts

    def __iter__(self) -> Iterator[str]:
        self._read.update(self._facts)  # whoever goes through them may read any
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)
