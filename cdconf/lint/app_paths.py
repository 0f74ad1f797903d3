"""Roles that give an app's own directories to the user that it runs as."""

from __future__ import annotations

import posixpath
import stat
from typing import TYPE_CHECKING

from cdconf.agent.files.owners import mode_bits
from cdconf.catalog.findings import LintFinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cdconf.catalog.model import Catalog, Resource
    from cdconf.inventory import App

RULE = "app_owns_releases"
HINT = "leave it to root, and give the app what it writes to: a directory of `shared`, or one elsewhere"


def given_away(catalogs: Iterable[Catalog], apps: Iterable[App]) -> Iterator[LintFinding]:
    """A warning for each resource that lets an app's user change `path`, `releases` or `current`."""
    for catalog in catalogs:
        for app in apps:
            places = {app.path, posixpath.join(app.path, "releases"), posixpath.join(app.path, "current")}
            for resource in catalog.resources if app.user else ():
                given = None if resource.absent else _given(resource, str(app.user), places)
                if given is not None:
                    file, _, line = resource.source.rpartition(":")
                    message = (
                        f"it lets '{app.user}' change '{given}', so whoever breaks into '{app.name}' owns its releases"
                    )
                    yield LintFinding(RULE, message, file, int(line), HINT)


def _given(resource: Resource, user: str, places: set[str]) -> str | None:
    """Which of some paths a resource lets a user write to."""
    fields = resource.fields
    if resource.type == "user":
        makes = resource.fields.get("name") == user and fields.get("create_home") and fields.get("home") in places
        return str(fields["home"]) if makes else None
    path = fields.get("path")
    if resource.type not in ("directory", "archive", "git", "link") or not isinstance(path, str):
        return None
    below = sorted(place for place in places if f"{place}/".startswith(f"{path}/"))
    found = path if path in places else below[0] if below and fields.get("recursive") else None
    return found if found is not None and _can_write(resource, user) else None


def _can_write(resource: Resource, user: str) -> bool:
    fields, mode = resource.fields, mode_bits(str(resource.fields.get("mode", "0755")), stat.S_IFDIR | 0o755)
    if user in (fields.get("owner"), fields.get("user")):
        return True
    return bool(mode & 0o002) or (fields.get("group") == user and bool(mode & 0o020))
