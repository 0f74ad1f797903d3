"""Tells resources which paths below theirs the host's other resources manage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cdconf.catalog.model import Resource
    from cdconf.resources.spec import ResourceType


def with_managed(resources: Sequence[Resource], types: Mapping[str, ResourceType], *, complete: bool) -> list[Resource]:
    """The resources, with `managed` in the fields of those that need it.

    Args:
        resources: All of one host's.
        types: The resource types.
        complete: Whether they're all of the host's; if not, nobody can say what is managed.
    """
    result = list(resources)
    for place, resource in enumerate(resources):
        field = types[resource.type].needs_managed
        if field is None or field not in resource.fields:
            continue
        if complete:
            others = [other for other in resources if other.id != resource.id and not other.absent]
            fields = {**resource.fields, "managed": _below(resource.fields[types[resource.type].title], others, types)}
        else:
            fields = {name: value for name, value in resource.fields.items() if name != field}
        result[place] = replace(resource, fields=fields)
    return result


def _below(root: str, others: Iterable[Resource], types: Mapping[str, ResourceType]) -> dict[str, list[str]]:
    """Relative paths and trees below the root; absolute ones elsewhere, which a link may lead below it on the host."""
    prefix = root.rstrip("/") + "/"
    found: dict[str, set[str]] = {name: set() for name in ("paths", "trees", "paths_elsewhere", "trees_elsewhere")}
    for other in others:
        kind = types[other.type]
        name = "trees" if kind.owns_tree else "paths"
        for path in kind.managed_paths(other.fields):
            if path.startswith(prefix):
                found[name].add(path[len(prefix) :])
            elif path != root:
                found[f"{name}_elsewhere"].add(path)
    return {name: sorted(members) for name, members in found.items()}
