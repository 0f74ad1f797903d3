"""Reads the paths that an app's releases share."""

from __future__ import annotations

import itertools
import posixpath

from cdconf.inventory import app_keys
from cdconf.inventory.model import Shared
from cdconf.yamlfile import YamlList, YamlMap, check_keys, kind_of


def read_shared(app: YamlMap, what: str) -> Shared:
    """`shared:` of an app: a list of directories, or a mapping of `directories` and `files`.

    Raises:
        InvalidFile: A path leaves the release, or lies in another one of them.
    """
    section = app.get("shared", YamlMap(file=app.file))
    if not isinstance(section, YamlMap):
        place, key = app, "shared"
        directories = _paths(app, "shared", what)
        files: tuple[str, ...] = ()
    else:
        check_keys(section, app_keys.SHARED, f"shared of {what}")
        place, key = section, ""
        directories = _paths(section, "directories", f"shared of {what}")
        files = _paths(section, "files", f"shared of {what}")
    known = sorted((*directories, *files), key=lambda path: path.split("/"))
    for one, other in itertools.pairwise(known):
        if f"{other}/".startswith(f"{one}/"):
            where = key or ("directories" if other in directories else "files")
            message = (
                f"'{other}' is shared twice" if one == other else f"'{other}' lies in '{one}', which is shared too"
            )
            raise place.error(f"{message} in {what}", where)
    return Shared(directories, files)


def _paths(section: YamlMap, key: str, what: str) -> tuple[str, ...]:
    value = section.get(key, ())
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, (list, tuple)):
        raise section.error(f"'{key}' in {what} must be a list of paths, not {kind_of(value)}", key)
    lines = value.lines if isinstance(value, YamlList) else []
    return tuple(_path(section, key, what, member, lines[place : place + 1]) for place, member in enumerate(members))


def _path(section: YamlMap, key: str, what: str, value: object, line: list[int]) -> str:
    if isinstance(value, str) and value == value.strip() and value.isprintable():
        path = posixpath.normpath(value) if value else "."
        if path != "." and not path.startswith(("/", "../")) and path != "..":
            return path
    error = section.error(
        f"'{value}' isn't a path in a release ({key} in {what})",
        key,
        "it's relative to the release, without `..`: uploads, config/local.ini",
    )
    error.line = line[0] if line else error.line
    raise error
