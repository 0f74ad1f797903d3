"""Names for sets of hosts: a group's name where the whole group is in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project

_NAMED = 12  # hosts that are named one by one


def groups_within(project: Project, environment: Environment, hosts: Collection[str]) -> tuple[str, ...]:
    """The groups all of whose hosts are in the set, in the project's order; groups without hosts aren't."""
    names = set(hosts)
    members = {group: {host.name for host in environment.in_group(group)} for group in project.groups}
    return tuple(group for group, found in members.items() if found and found <= names)


def named(project: Project, environment: Environment, hosts: Collection[str]) -> str:
    """The set for people: `all 12 hosts`, `web (8 hosts), db1`."""
    if len(hosts) > 1 and set(hosts) == set(environment.hosts):
        return f"all {len(hosts)} hosts"
    covered: set[str] = set()
    parts = []
    for group in groups_within(project, environment, hosts):
        members = {host.name for host in environment.in_group(group)}
        if len(members) > 1 and not members <= covered:
            covered |= members
            parts.append(f"{group} ({len(members)} hosts)")
    rest = [name for name in hosts if name not in covered]
    parts += rest[:_NAMED]
    if len(rest) > _NAMED:
        parts.append(f"{len(rest) - _NAMED} more")
    return ", ".join(parts)
