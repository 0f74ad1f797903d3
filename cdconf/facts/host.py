"""One host's facts as templates see them: a group is fetched when something of it is first read."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from typing import Any

from cdconf.facts.patterns import MOST_PATTERNS, PATHS, group_for, merge, patterns_of
from cdconf.facts.table import GROUPS, below, group_of

Fetch = Callable[[Sequence[str]], Mapping[str, Any]]


class HostFacts:
    """The facts of one host, for one run.

    Args:
        known: Facts that are here already, `{fact: value}`, whole groups of them.
        fetch: Gives the facts of groups (at least), `{fact: value}`; may raise a `CdconfError`.

    Attributes:
        known: All facts that are here by now, plain data.
        read: The groups of which something was read.
        mapping: What templates get as `facts`.
    """

    def __init__(self, known: Mapping[str, Any], fetch: Fetch) -> None:
        self.known = dict(known)
        self.read: set[str] = set()
        self.mapping: Mapping[str, Any] = _Mapping(self)
        self._fetch = fetch

    def get(self, groups: Sequence[str]) -> dict[str, Any]:
        """The facts of some groups; those that aren't here yet are fetched together."""
        wanted = [group for group in GROUPS if group.name in groups and group.name != PATHS]
        missing = [group.name for group in wanted if group.names[0] not in self.known]
        patterns = patterns_of(groups)
        here = self.known.get(PATHS, {})
        missing += [f"{PATHS}:{pattern}" for pattern in patterns if pattern not in here]
        if missing:
            fetched = self._fetch(missing)
            found = {
                name: fetched[name] for fact_group in wanted if fact_group.name in missing for name in fact_group.names
            }
            new = {pattern: fetched[PATHS][pattern] for pattern in patterns if pattern not in here}
            merge(self.known, {**found, PATHS: new} if new else found)
        result = {name: self.known[name] for group in wanted for name in group.names}
        return {**result, PATHS: {one: self.known[PATHS][one] for one in patterns}} if patterns else result

    def paths(self, pattern: object) -> Any:
        """The paths that match a pattern; notes that it was read.

        Raises:
            ValueError: It's no pattern, or too many were read.
        """
        group = group_for(pattern)
        if group not in self.read and len(patterns_of([*self.read])) >= MOST_PATTERNS:
            raise ValueError(f"one host's files read more than {MOST_PATTERNS} patterns of `facts.paths`")
        self.read.add(group)
        return self.get([group])[PATHS][pattern]

    def value(self, fact: str) -> Any:
        """One fact; notes that its group was read.

        Raises:
            KeyError: There's no such fact.
        """
        if fact == PATHS:
            return _Paths(self)
        group = group_of(fact)
        if group is None:
            raise KeyError(fact)
        self.read.add(group)
        return self.get([group])[fact]

    def all(self) -> dict[str, Any]:
        """All facts but those that are read by name alone, plain data; every group was then read."""
        names = [group.name for group in GROUPS if not group.by_name]
        self.read.update(names)
        return self.get(names)


class _Mapping(Mapping[str, Any]):
    """Templates may touch nothing but this: names with an underscore are out of their reach."""

    __slots__ = ("_facts",)

    def __init__(self, facts: HostFacts) -> None:
        self._facts = facts

    def __getitem__(self, name: str) -> Any:
        return self._facts.value(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and group_of(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for group in GROUPS if not group.by_name for name in group.names)

    def __len__(self) -> int:
        return sum(len(group.names) for group in GROUPS if not group.by_name)

    def items(self) -> ItemsView[str, Any]:
        return self._facts.all().items()

    def values(self) -> ValuesView[Any]:
        return self._facts.all().values()


class _Paths(Mapping[str, Any]):
    """Pattern -> paths; those of a new pattern are fetched."""

    __slots__ = ("_facts",)

    def __init__(self, facts: HostFacts) -> None:
        self._facts = facts

    def __getitem__(self, pattern: str) -> Any:
        return self._facts.paths(pattern)

    def __contains__(self, pattern: object) -> bool:
        return isinstance(pattern, str) and pattern.startswith("/")

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts.known.get(PATHS, {}))

    def __len__(self) -> int:
        return len(self._facts.known.get(PATHS, {}))


def path_of(facts: Mapping[str, Any], wanted: object) -> str | None:
    """Where in a host's facts a map stands, such as `facts.network.ipv4`; None when it isn't in there.

    Args:
        facts: What templates got as `facts`.
        wanted: The very map that they asked.
    """
    if wanted is facts:
        return "facts"
    found: list[tuple[str, Mapping[str, Any]]] = [
        ("facts", facts._facts.known if isinstance(facts, _Mapping) else facts)
    ]
    for above, members in found:
        for key, value in members.items():
            if isinstance(value, dict):
                path = below(above, key)
                if value is wanted:
                    return path
                found.append((path, value))
    return None
