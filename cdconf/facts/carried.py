"""A host's facts on their way into the process that renders, and what's known afterwards of who has read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdconf.facts import facts_read, host
from cdconf.facts.facts_read import NotedFacts
from cdconf.facts.host import HostFacts


class Lacking(BaseException):
    """Something reads facts that haven't come along; `groups` are theirs. Nothing on the way may hold it up."""

    def __init__(self, groups: Sequence[str]) -> None:
        super().__init__(", ".join(groups))
        self.groups = tuple(groups)


@dataclass
class Reads:
    """What was read: groups of facts, and facts by name."""

    groups: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Carried:
    """Facts as they're sent: plain data.

    Attributes:
        known: The facts that are here.
        lazy: Whether there are more, which are fetched when they're read.
        noted: Whether it's noted which are read.
    """

    known: dict[str, Any]
    lazy: bool
    noted: bool

    def unpacked(self, reads: Reads) -> Mapping[str, Any]:
        """The facts as templates see them; `reads` gets what's read. Those that aren't here raise `Lacking`."""
        facts: Mapping[str, Any] = self.known
        if self.lazy:
            kept = HostFacts(self.known, _lacking)
            kept.read = reads.groups
            facts = kept.mapping
        if self.noted:
            watched = NotedFacts(facts, reads.names)
            facts = watched.mapping
        return facts


class Luggage:
    """Facts of this process that another one is to read.

    Args:
        facts: What templates get as `facts`: a `HostFacts`' mapping, that of a `NotedFacts`, or any mapping.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._names: set[str] | None = None
        if isinstance(facts, facts_read._Mapping):
            self._names, facts = facts._read, facts._facts
        self._lazy = facts._facts if isinstance(facts, host._Mapping) else None
        self._plain = facts

    def packed(self) -> Carried:
        """What's known by now."""
        known = self._lazy.known if self._lazy is not None else dict(self._plain)
        return Carried(known, self._lazy is not None, self._names is not None)

    def fetch(self, groups: Sequence[str]) -> None:
        """Has the facts of some groups brought here; raises what the host's session raises."""
        if self._lazy is not None:
            self._lazy.get(groups)

    def note(self, reads: Reads) -> None:
        """Notes what the other process has read."""
        if self._lazy is not None:
            self._lazy.read |= reads.groups
        if self._names is not None:
            self._names |= reads.names


def _lacking(groups: Sequence[str]) -> Mapping[str, Any]:
    raise Lacking(groups)
