"""Groups of groups: cdconf.yml gives a group its roles, or a map of `roles` and of the `groups` that are in it.

A host of an inner group is in the outer one, too. All else follows from the groups that a host is in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from cdconf.errors import did_you_mean
from cdconf.inventory.values import names
from cdconf.yamlfile import YamlMap, check_keys

if TYPE_CHECKING:
    from cdconf.inventory.model import Project

_KEYS = ("roles", "groups")
Inner = Mapping[str, tuple[str, ...]]


def roles_of(groups: YamlMap, group: str) -> tuple[str, ...]:
    """A group's own roles.

    Raises:
        InvalidFile: They're no list.
    """
    given = groups[group]
    if not isinstance(given, YamlMap):
        return names(groups, group, "groups")
    check_keys(given, _KEYS, f"group '{group}'")
    return names(given, "roles", f"group '{group}'", ())


def inner_groups(groups: YamlMap) -> dict[str, tuple[str, ...]]:
    """Group -> the groups in it, of those that have some.

    Raises:
        InvalidFile: One isn't there, they contain each other, or one stands above the group that contains it.
    """
    maps = {name: given for name, given in groups.items() if isinstance(given, YamlMap)}
    found = {name: names(given, "groups", f"group '{name}'", ()) for name, given in maps.items()}
    inner = {name: several for name, several in found.items() if several}
    order = list(groups)
    for name, several in inner.items():
        for one in several:
            if one not in groups:
                message = f"group '{name}' contains an unknown group '{one}'"
                raise maps[name].error(message, "groups", did_you_mean(one, order))
        circle = _circle(name, inner)
        if circle:
            raise maps[name].error(f"groups contain each other in a circle: {' -> '.join(circle)}", "groups")
    for name, several in inner.items():
        first = min(several, key=order.index)
        if order.index(first) < order.index(name):
            message = f"group '{name}' contains '{first}', which stands above it"
            hint = f"move '{name}' above '{first}': variables and roles of the outer group come first"
            raise maps[name].error(message, "groups", hint)
    return inner


def _circle(start: str, inner: Inner) -> list[str]:
    """The way from a group back to itself; empty when there's none."""
    ways = [[start, one] for one in inner.get(start, ())]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        if way[-1] == start:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, one] for one in inner.get(way[-1], ())]
    return []


def with_outer(groups: Iterable[str], inner: Inner) -> set[str]:
    """Some groups, and all that contain them."""
    found = set(groups)
    left = list(found)
    while left:
        name = left.pop()
        outer = {one for one, several in inner.items() if name in several} - found
        found |= outer
        left += outer
    return found


def step_of(groups: Collection[str], project: Project) -> str | None:
    """The group with which a host of some groups is provisioned: the first that contains no others, else the first."""
    ordered = [group for group in project.groups if group in groups]
    return next((group for group in ordered if group not in project.inner), next(iter(ordered), None))


def around(groups: Collection[str], inner: Inner) -> set[str]:
    """The groups that hosts of some groups are in because of these: those inside of them, and all that contain them."""
    found = set(groups)
    left = list(found)
    while left:
        fresh = set(inner.get(left.pop(), ())) - found
        found |= fresh
        left += fresh
    return with_outer(found, inner)
