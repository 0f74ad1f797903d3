"""An Ansible inventory as data: groups in groups, hosts, and where each value was written.

The order of precedence is that of
https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html#understanding-variable-precedence:
variables in inventory files lose to files in group_vars/; among groups, the deeper one wins, then the higher
`ansible_group_priority`, then the later name; a host's own come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cdconf.errors import InvalidFile

# Where a variable can be written, weakest first: inventory files, the *_vars/ beside them, those of the playbooks.
ORIGINS = ("inventory", "files", "playbook")


@dataclass(frozen=True)
class Definition:
    """A variable's value, and where it's written."""

    name: str
    value: Any
    file: str
    line: int


@dataclass
class Vars:
    """The variables of one group or host, by origin and name."""

    by_origin: dict[str, dict[str, Definition]] = field(default_factory=lambda: {name: {} for name in ORIGINS})

    def merged(self) -> dict[str, Definition]:
        """The winning definition of each name."""
        return {name: definition for origin in ORIGINS for name, definition in self.by_origin[origin].items()}


@dataclass
class ImportedGroup(Vars):
    """A group; `hosts` are those written into it, not its children's."""

    name: str = ""
    children: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    priority: int = 1


@dataclass
class ImportedHost(Vars):
    """A host, and where it's first written."""

    name: str = ""
    file: str = ""
    line: int = 0


class Inventory:
    """Groups and hosts. `all` and `ungrouped` are always there."""

    def __init__(self) -> None:
        self.groups: dict[str, ImportedGroup] = {}
        self.hosts: dict[str, ImportedHost] = {}
        self.group("all")
        self.group("ungrouped")

    def group(self, name: str) -> ImportedGroup:
        """A group by its name, made when it's new."""
        return self.groups.setdefault(name, ImportedGroup(name=name))

    def add_host(self, name: str, group: str, file: str, line: int) -> ImportedHost:
        """Puts a host into a group."""
        self.group(group).hosts[name] = None
        return self.hosts.setdefault(name, ImportedHost(name=name, file=file, line=line))

    def set(self, place: Vars, name: str, value: Any, file: str, line: int) -> None:
        """Sets a variable in an inventory file."""
        if isinstance(place, ImportedGroup) and name == "ansible_group_priority":
            try:
                place.priority = int(value)
            except (TypeError, ValueError):
                raise InvalidFile("ansible_group_priority must be a number", file=file, line=line) from None
            return
        place.by_origin["inventory"][name] = Definition(name, value, file, line)

    def close(self) -> None:
        """Does what Ansible does once all files are read: groups without parents get `all`, lone hosts `ungrouped`.

        Raises:
            InvalidFile: A group contains itself.
        """
        contained = {child for group in self.groups.values() for child in group.children}
        for name in self.groups:
            if name != "all" and name not in contained:
                self.groups["all"].children[name] = None
        grouped = {
            host
            for name, imported_group in self.groups.items()
            if name not in ("all", "ungrouped")
            for host in imported_group.hosts
        }
        self.groups["ungrouped"].hosts = {host: None for host in self.hosts if host not in grouped}
        self._depths = self._measure()
        self._groups_of = cache(self._find_groups)

    def _measure(self) -> dict[str, int]:
        """Group -> the length of the longest way to it from `all`."""
        depths = dict.fromkeys(self.groups, 0)
        for _ in self.groups:
            changed = False
            for name, group in self.groups.items():
                for child in group.children:
                    if depths[child] < depths[name] + 1:
                        depths[child], changed = depths[name] + 1, True
            if not changed:
                return depths
        circle = ", ".join(name for name, depth in depths.items() if depth >= len(self.groups) - 1)
        raise InvalidFile(f"groups contain themselves: {circle}")

    def ordered_groups(self) -> list[str]:
        """All groups but `all`, weakest first."""
        return sorted((name for name in self.groups if name != "all"), key=self._rank)

    def _rank(self, name: str) -> tuple[int, int, str]:
        return self._depths[name], self.groups[name].priority, name

    def groups_of(self, host: str) -> tuple[str, ...]:
        """The groups that a host is in, itself or through a child, without `all`; weakest first."""
        return self._groups_of(host)

    def _find_groups(self, host: str) -> tuple[str, ...]:
        found = {name for name, group in self.groups.items() if host in group.hosts}
        grown = True
        while grown:
            above = {name for name, group in self.groups.items() if found & group.children.keys()} - found
            found |= above
            grown = bool(above)
        return tuple(sorted(found - {"all"}, key=self._rank))

    def layers(self, host: str) -> Iterator[tuple[str, dict[str, Definition]]]:
        """Group ("" for the host itself) and variables, weakest first."""
        groups = [self.groups[name] for name in self.groups_of(host)]
        yield "all", self.groups["all"].by_origin["inventory"]
        for group in groups:
            yield group.name, group.by_origin["inventory"]
        for origin in ORIGINS[1:]:
            yield "all", self.groups["all"].by_origin[origin]
        for origin in ORIGINS[1:]:
            for group in groups:
                yield group.name, group.by_origin[origin]
        yield "", self.hosts[host].merged()

    def resolve(self, host: str) -> dict[str, Definition]:
        """The definition that wins for each variable of a host."""
        return {name: definition for _, layer in self.layers(host) for name, definition in layer.items()}
