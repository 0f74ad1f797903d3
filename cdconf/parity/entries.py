"""Which entries of `differs` are about two environments, and what each of them declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from cdconf.inventory import Differs

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.inventory import Environment


@dataclass(frozen=True)
class Entries:
    """The entries that count in a comparison.

    Attributes:
        known: All of them, each with the side that declares it: 0 for the first environment's, 1 for the second's.
        own: Those that must match something: they're about these very two environments.
        hosts: The names of both sides' hosts.
        copies: Whether each side is a copy of the other, or a copy of one.
    """

    known: tuple[tuple[Differs, int], ...] = ()
    own: tuple[Differs, ...] = ()
    hosts: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    copies: tuple[bool, bool] = (False, False)

    @classmethod
    def between(cls, ours: Environment, theirs: Environment, load: Callable[[str], Environment]) -> Entries:
        """Those of every copy between the two: a copy of a copy differs from the original in what both declare.

        Args:
            ours: One environment.
            theirs: The other.
            load: Gives an environment by name.
        """
        lines = [_line(ours, load), _line(theirs, load)]
        shared = {environment.name for environment in lines[0]} & {environment.name for environment in lines[1]}
        between = [
            (environment, side)
            for side, line in enumerate(lines)
            for environment in line
            if environment.name not in shared
        ]
        known = [(entry, side) for environment, side in between for entry in environment.differs]
        known += [
            (
                Differs(
                    "scale",
                    group,
                    f"scale in {environment.file}",
                    file=environment.file,
                    line=environment.scale.where(group)[1],
                ),
                side,
            )
            for environment, side in between
            for group in environment.scale
        ]
        own = [
            entry
            for environment, other in ((ours, theirs), (theirs, ours))
            if environment.name not in shared and environment.copy_of in (None, other.name)
            for entry in environment.differs
        ]
        names = [{environment.name for environment in line} for line in lines]
        copies = (theirs.name in names[0], ours.name in names[1])
        return cls(tuple(known), tuple(own), (frozenset(ours.hosts), frozenset(theirs.hosts)), copies)

    def find(
        self,
        what: str,
        matches: Callable[[str], bool],
        *,
        group: str,
        hosts: tuple[str, str],
        field: str | None = None,
    ) -> Differs | None:
        """The first entry about something.

        Args:
            what: A key of `differs_keys.DIFFERENCES`.
            matches: Whether an entry's value names it.
            group: The group in which it differs.
            hosts: The two hosts.
            field: The field of a resource.
        """
        for entry, side in self.known:
            if (
                entry.what == what
                and matches(entry.value)
                and entry.group in (None, group)
                and entry.host in (None, hosts[self._side(entry, side)])
                and entry.field in (None, field)
            ):
                return entry
        return None

    def _side(self, entry: Differs, side: int) -> int:
        """The side whose host an entry means: its own, unless that has none of this name."""
        return side if entry.host in self.hosts[side] else 1 - side

    def of_group(self, group: str, host: str | None) -> Differs | None:
        """The `scale` entry about a group's number of hosts, or about one of its hosts that has no counterpart."""
        known = (entry for entry, _ in self.known if entry.what == "scale")
        return next((entry for entry in known if (entry.value, entry.host) == (group, host)), None)

    def resource(self, name: str, **place: Any) -> Differs | None:
        """The entry about a resource, named as `package nginx`."""

        def matches(value: str) -> bool:
            value = " ".join(value.split(None, 1))
            return value == name or fnmatchcase(name, value)

        return self.find("resource", matches, **place)

    def fact(self, path: str, **place: Any) -> Differs | None:
        """The entry about a fact, or about the facts above it."""
        return self.find("fact", lambda value: f"{path}.".startswith(f"{value}."), **place)

    def one(self, what: str, names: Sequence[str | None], **place: Any) -> Differs | None:
        """The entry about one of some names."""
        return self.find(what, lambda value: value in names, **place)


def _line(environment: Environment, load: Callable[[str], Environment]) -> list[Environment]:
    """The environment, what it copies, and what that copies in turn."""
    line = [environment]
    while line[-1].copy_of is not None:
        line.append(load(line[-1].copy_of))
    return line
