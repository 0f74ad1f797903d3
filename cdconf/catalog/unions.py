"""One resource that several roles declare: each declaration stays in its place, and brings the fields that it gives."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.errors import InvalidFile
from cdconf.resources.spec import REQUIRED

if TYPE_CHECKING:
    from cdconf.catalog.model import Resource
    from cdconf.resources.spec import ResourceType


def together(declared: Iterable[Resource], types: Mapping[str, ResourceType]) -> tuple[list[Resource], list[Resource]]:
    """What a host's roles declare, in its places: of equal declarations only the first, with the handlers of all.

    Args:
        declared: As the roles declare it. What's to be flushed is, before the next resource.
        types: The resource types.

    Returns:
        The resources, and what's to be flushed behind the last one.

    Raises:
        InvalidFile: Two declarations of a resource contradict each other.
    """
    found: list[Resource] = []
    places: dict[str, list[int]] = {}
    flushing: list[Resource] = []
    for resource in declared:
        if resource.type == "flush":
            flushing.append(resource)
            continue
        known = places.setdefault(resource.id, [])
        same = next((place for place in known if _stated(found[place]) == _stated(resource)), None)
        if same is not None:
            found[same] = _merged(found[same], resource)
            continue
        known.append(len(found))
        if flushing:
            resource = replace(resource, flush=tuple(dict.fromkeys(one.title for one in flushing)))  # noqa: PLW2901
            flushing.clear()
        found.append(resource)
    for several in places.values():
        if len(several) > 1:
            made = _completed([found[place] for place in several], types)
            for place, one in zip(several, made, strict=True):
                found[place] = one
    return found, flushing


def unions(resources: Iterable[Resource]) -> list[Resource]:
    """Each resource once, in the place of its first declaration, with the fields of all."""
    groups: dict[str, list[Resource]] = {}
    for resource in resources:
        groups.setdefault(resource.id, []).append(resource)
    return [_union(members) for members in groups.values()]


def without_handlers(resource: Resource, known: Container[str]) -> Resource:
    """A resource without handlers that this host doesn't have."""
    notify, flush = (tuple(name for name in names if name in known) for names in (resource.notify, resource.flush))
    return replace(resource, notify=notify, flush=flush)


def _union(members: Sequence[Resource]) -> Resource:
    result = members[0]
    for member in members[1:]:
        result = replace(_merged(result, member), fields=result.fields | member.fields)
    return result


def _merged(first: Resource, other: Resource) -> Resource:
    """The first one, with all of the other but its fields."""
    return replace(
        first,
        notify=tuple(dict.fromkeys((*first.notify, *other.notify))),
        sensitive=first.sensitive or other.sensitive,
        removable=first.removable or other.removable,
        holds_secret=first.holds_secret or other.holds_secret,
        reads=first.reads | other.reads,
        plain=first.plain & other.plain,
    )


def _stated(resource: Resource) -> tuple[object, ...]:
    return resource.fields, resource.absent


def _completed(members: list[Resource], types: Mapping[str, ResourceType]) -> list[Resource]:
    """The declarations of one resource; a default gives way to what another one gives."""
    kind = types[members[0].type]
    given: dict[str, tuple[Any, Resource]] = {}
    for member in members:
        _check_alike(members[0], member, kind)
        for name in _given(member, kind):
            value, other = given.setdefault(name, (member.fields[name], member))
            if value != member.fields[name]:
                raise _differs(member, other, f": '{name}' isn't the same")
    made = [
        replace(
            member, fields={name: given[name][0] if name in given else value for name, value in member.fields.items()}
        )
        for member in members
    ]
    is_secret = any(resource.sensitive for resource in made)
    return [replace(resource, sensitive=is_secret) for resource in made]


def _given(resource: Resource, kind: ResourceType) -> list[str]:
    """The names of its fields but for defaults that nobody wrote down."""
    defaults = {name for name, spec in kind.fields.items() if spec.default is not None and spec.default is not REQUIRED}
    return [name for name in resource.fields if name in resource.given or name not in defaults]


def _check_alike(first: Resource, other: Resource, kind: ResourceType) -> None:
    if first.absent != other.absent:
        raise _differs(other, first, ": one of them wants it absent")
    if first.when != other.when:
        hint = "give both the same `when`, or bring their fields together"
        raise _differs(other, first, ", under another `when`", hint)
    if kind.is_whole and other is not first:
        raise _differs(other, first, f", and a {kind.name} is made of one declaration alone")


def _differs(resource: Resource, other: Resource, why: str, hint: str | None = None) -> InvalidFile:
    file, _, line = resource.source.rpartition(":")
    text = f"{resource.type} '{resource.title}' is declared differently at {other.source}{why}"
    return InvalidFile(text, file=file, line=int(line), hint=hint)
