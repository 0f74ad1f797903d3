"""The catalog: what the agent gets."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from typing import Any

from cdconf.agent import wire


@dataclass(frozen=True)
class Resource:
    """One resource, rendered and checked.

    `fields` holds what was given, the title's field with it; those named by `identity` tell which thing it is.
    Handlers of `flush` run before it, if they're due.
    `given` are the fields that its declaration writes down, `when` is the declaration's.
    `plain` are the fields that no secret is in: of a resource that's sensitive, a host keeps these as they are.
    `reads` are the variables and other names that it was made of, `holds_secret` says that it writes a secret into a
    file; they're no part of the document.
    """

    type: str
    title: str
    fields: dict[str, Any]
    identity: tuple[str, ...]
    absent: bool
    source: str
    role: str
    notify: tuple[str, ...]
    sensitive: bool
    removable: bool
    flush: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    holds_secret: bool = False
    given: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    when: Any = None

    @property
    def id(self) -> str:
        """`file:/etc/motd`."""
        return f"{self.type}:{self.title}"

    def document(self) -> dict[str, Any]:
        """The catalog's entry."""
        return {
            "id": self.id,
            "type": self.type,
            "title": self.title,
            "fields": self.fields,
            "identity": list(self.identity),
            "absent": self.absent,
            "source": self.source,
            "role": self.role,
            "notify": list(self.notify),
            "sensitive": self.sensitive,
            "removable": self.removable,
            **({"plain": sorted(self.plain)} if self.sensitive and self.plain else {}),
        }


@dataclass(frozen=True)
class Handler:
    """An action on a resource; `app` is `{"name", "path"}` when it's about an app's service."""

    name: str
    action: str
    resource: Resource
    app: dict[str, str] | None

    def document(self) -> dict[str, Any]:
        """The catalog's entry."""
        return {**self.resource.document(), "name": self.name, "action": self.action, "app": self.app}


@dataclass(frozen=True)
class Catalog:
    """What one host should be. `complete`: all of the host's roles are in it.

    `resources` has each declaration of a resource in its place; see `unions.unions` for each resource once.
    """

    project: str
    environment: str
    host: str
    complete: bool
    compare: dict[str, list[str]] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    handlers: dict[str, Handler] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Plain data (and bytes), as the agent expects it."""
        return {
            "project": self.project,
            "environment": self.environment,
            "host": self.host,
            "complete": self.complete,
            "compare": self.compare,
            "resources": [
                {**resource.document(), "order": order, **_flush(resource)}
                for order, resource in enumerate(self.resources)
            ],
            "handlers": {name: handler.document() for name, handler in self.handlers.items()},
        }

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the document, in hex; a large catalog takes a while, so it's made once."""
        return hashlib.sha256(wire.dumps(self.document())).hexdigest()


def _flush(resource: Resource) -> dict[str, list[str]]:
    return {"flush": list(resource.flush)} if resource.flush else {}
