"""What several roles declare of one host, put together."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from cdconf.catalog.model import Resource
from cdconf.errors import InvalidFile


def add(resources: dict[str, Resource], resource: Resource, flushing: list[Resource]) -> None:
    """The same resource may be declared by several roles, if they agree. What's to be flushed is, before a new one."""
    known = resources.get(resource.id)
    if known is None:
        names = dict.fromkeys(one.title for one in flushing)
        flushing.clear()
        resources[resource.id] = replace(resource, flush=tuple(names))
    elif (known.fields, known.absent) == (resource.fields, resource.absent):
        notify = tuple(dict.fromkeys((*known.notify, *resource.notify)))
        resources[resource.id] = replace(known, notify=notify, reads=known.reads | resource.reads)
    else:
        file, _, line = resource.source.rpartition(":")
        raise InvalidFile(
            f"{resource.type} '{resource.title}' is declared differently at {known.source}", file=file, line=int(line)
        )


def without_handlers(resource: Resource, known: Container[str]) -> Resource:
    """A resource without handlers that this host doesn't have."""
    notify, flush = (tuple(name for name in names if name in known) for names in (resource.notify, resource.flush))
    return replace(resource, notify=notify, flush=flush)
