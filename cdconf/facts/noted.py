"""Facts that tell which of them a catalog was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class NotedFacts(Mapping[str, Any]):
    """Facts that remember which of them were read.

    Args:
        facts: The facts themselves.

    Attributes:
        read: Names, such as `os`.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._facts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._facts

    def __iter__(self) -> Iterator[str]:
        self.read.update(self._facts)  # whoever goes through them may read any
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)
