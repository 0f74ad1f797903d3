"""What of a host's catalog is the same on every host of its kind, whatever its environment: what a snapshot may hold.

A snapshot is an image that hosts of several environments are made from. So nothing gets into it that is secret, that
names a host or an environment, or that belongs to one host alone (keys, data). What is left out is put there later,
when the host is converged; what's in it is mostly what takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cdconf.catalog.copy_isolation import texts_of
from cdconf.catalog.model import Catalog, Resource

if TYPE_CHECKING:
    from cdconf.resources.spec import ResourceType

# Files, packages and accounts. No service is enabled or started: an app's has no release yet. No command is run and no
# certificate made, since what comes of it is the host's own; what a database holds is its own, too.
TYPES = (
    "archive",
    "directory",
    "download",
    "file",
    "git",
    "group",
    "link",
    "locale",
    "package",
    "repository",
    "systemd_unit",
    "user",
)
# The facts that an image decides, whatever runs it.
FACTS = ("architecture", "init", "os", "package_manager")
INVENTORY = ("environment", "host", "hosts")  # names in templates that tell one environment from another
_PRIVATE_KEY = "PRIVATE KEY-----"  # RFC 7468; nobody may have said that it's a secret
_ACCOUNTS = ("owner", "group", "user", "groups", "members")  # fields that name users and groups


@dataclass
class _LeftOut:
    """What isn't there for the resources that follow: they can't be made without it."""

    paths: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)

    def add(self, resource: Resource, paths: Iterable[str]) -> None:
        self.paths.update(paths)
        if resource.type in ("user", "group"):
            self.accounts.add(resource.title)

    def needed_by(self, resource: Resource, paths: Iterable[str]) -> bool:
        if any(path.startswith(out.rstrip("/") + "/") for path in paths for out in self.paths):
            return True
        named = {name for one in _ACCOUNTS for name in texts_of(resource.fields.get(one))}
        return bool(named & self.accounts) or any(text in self.paths for text in texts_of(resource.fields))


def portable(
    catalog: Catalog,
    types: Mapping[str, ResourceType],
    own: Iterable[str],
    mask: Callable[[str], str],
    *,
    facts_read: Iterable[str] = (),
) -> Catalog:
    """The part of a catalog that a snapshot may hold, in its order, without its handlers.

    Args:
        catalog: A host's, complete.
        types: The resource types.
        own: Variables that an environment or a host has for itself: what's made of them is left out.
        mask: Takes the known secrets out of a text: a second look, since secrets taint what they touch.
        facts_read: The facts that were read for the catalog. If an image doesn't decide one of them, all that was made
            of facts is left out.
    """
    forbidden = {*own, *INVENTORY}
    if not set(facts_read) <= set(FACTS):
        forbidden.add("facts")
    kept: list[Resource] = []
    out = _LeftOut()
    for resource in catalog.resources:
        paths = types[resource.type].managed_paths(resource.fields)
        shared = resource.type in TYPES and not resource.reads & forbidden and _is_plain(resource, mask)
        if shared and _only_starts_anew(catalog, resource) and not out.needed_by(resource, paths):
            kept.append(replace(resource, notify=()))
        else:
            out.add(resource, paths)
    return replace(catalog, complete=False, resources=kept, handlers={})


def _only_starts_anew(catalog: Catalog, resource: Resource) -> bool:
    """Whether its handlers are but for services: these start after it anyway, when a host boots from the snapshot.

    Any other handler would never run on such a host, where nothing has changed.
    """
    return all(catalog.handlers[name].resource.type == "service" for name in resource.notify)


def _is_plain(resource: Resource, mask: Callable[[str], str]) -> bool:
    texts = texts_of(resource.fields)
    return not resource.sensitive and all(mask(text) == text and _PRIVATE_KEY not in text for text in texts)


def without(catalog: Catalog, left_out: Iterable[str]) -> Catalog:
    """The catalog without some resources, by id."""
    names = set(left_out)
    return replace(catalog, resources=[resource for resource in catalog.resources if resource.id not in names])
