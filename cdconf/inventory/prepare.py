"""Reads what hosts install for a release before it's activated: packages that the release's lock files name."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

from cdconf.inventory.model import Shared
from cdconf.inventory.packages import Packages
from cdconf.inventory.section import Section
from cdconf.inventory.service_keys import NPM, PREPARE, VENV
from cdconf.yamlfile import YamlMap


@dataclass(frozen=True)
class _Kind:
    keys: dict[str, Any]
    options: tuple[str, ...]


_KINDS = {"venv": _Kind(VENV, ("python", "index", "wheels")), "npm": _Kind(NPM, ("registry", "scripts"))}


def read_prepare(app: Section, shared: Shared) -> tuple[Packages, ...]:
    """`prepare:` of an app.

    Raises:
        InvalidFile: It breaks a rule.
    """
    section = Section(app["prepare"], PREPARE, f"prepare of {app.what}")
    found = tuple(_packages(section, kind) for kind in _KINDS if kind in section)
    for one in found:
        for other in (*shared.paths, *(more.path for more in found if more is not one)):
            if f"{one.path}/".startswith(f"{other}/") or other.startswith(f"{one.path}/"):
                raise section.error(f"'{one.path}' in {section.what} can't be '{other}' too, or lie in it", one.kind)
    return found


def _packages(section: Section, kind: str) -> Packages:
    what, mapping = f"{kind} of {section.what}", section.mapping
    if isinstance(mapping[kind], str):
        file, line = mapping.where(kind)
        about = YamlMap({"lock": mapping[kind]}, file=file, line=line)
    else:
        about = section[kind]
    given = Section(about, _KINDS[kind].keys, what)
    lock = _inside(given, "lock")
    path = _inside(given, "path") if kind == "venv" else posixpath.join(posixpath.dirname(lock), "node_modules")
    options = given.only(*_KINDS[kind].options)
    if options.get("wheels"):
        options["wheels"] = _inside(given, "wheels")
    if not given["within"]:
        raise given.error(f"'within' in {what} leaves it no time", "within")
    options = {name: value for name, value in options.items() if value is not None}
    return Packages(kind, path, lock, given["within"], options)


def _inside(section: Section, key: str) -> str:
    """A path in the release, without `.` and `..`."""
    value: str = section[key]
    path = posixpath.normpath(value) if value.strip() and value.isprintable() else "."
    if path == "." or path.startswith(("/", "../")) or path == "..":
        text = f"'{value}' isn't a path in a release ({key} in {section.what})"
        raise section.error(text, key, "it's relative to the release, without `..`: requirements.lock")
    return path
