"""Reads a mapping of a project file by its table of keys: the table that the schemas and the reference are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cdconf.errors import InvalidFile, did_you_mean
from cdconf.inventory.key import Key
from cdconf.inventory.values import duration, names, on_or_off, size
from cdconf.yamlfile import REQUIRED, YamlMap, check_keys, expect, shown

_TYPES: dict[str, type] = {"text": str, "integer": int, "boolean": bool, "map": dict, "list": list}
_READERS: dict[str, Callable[[YamlMap, str, str, Any], Any]]
_READERS = {"duration": duration, "size": size, "switch": on_or_off}


class Section:
    """A mapping whose keys are all known; values are checked, and made what the table says, when they're asked for.

    A text's pattern and choices are checked, durations come as seconds, sizes as bytes, names as a tuple, a switch as
    a boolean. What isn't given comes as the table's default; a map or list without one comes empty, all else as None.

    Args:
        mapping: From a file.
        table: Its keys.
        what: Names the mapping, for errors: "app 'shop'".

    Raises:
        InvalidFile: A key isn't known.
    """

    def __init__(self, mapping: YamlMap, table: Mapping[str, Key], what: str) -> None:
        check_keys(mapping, table, what)
        self.mapping = mapping
        self.table = table
        self.what = what

    def __contains__(self, key: str) -> bool:
        return key in self.mapping

    def __iter__(self) -> Iterator[str]:
        return iter(self.mapping)

    def error(self, message: str, key: str | None = None, hint: str | None = None) -> InvalidFile:
        """An error that points at a key, or at the mapping."""
        return self.mapping.error(message, key, hint)

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def get(self, key: str, default: Any = None) -> Any:
        """A key's value.

        Args:
            key: The key.
            default: In place of the table's default.

        Raises:
            InvalidFile: It's missing though it's required, or isn't such as the table says.
        """
        about = self.table[key]
        if key not in self.mapping and default is not None:
            return default
        value = _value(self.mapping, key, self.what, about)
        check(about, value, self.mapping, key, self.what)
        return value

    def refused(self, key: str) -> InvalidFile:
        """The error of a value of which the pattern alone can't tell that it's wrong."""
        return refused(self.table[key], self.mapping.get(key), self.mapping, key, self.what)

    def only(self, *keys: str) -> dict[str, Any]:
        """The values of several keys."""
        return {key: self[key] for key in keys}

    def section(self, key: str, what: str | None = None) -> Section:
        """The section that a map with keys of its own is.

        Args:
            key: The map's.
            what: Names it; by default "KEY of WHAT".

        Raises:
            InvalidFile: It's no map, a key of it isn't known, or it lacks one of those of which it needs one.
        """
        return member(self[key], self.table[key], what or f"{key} of {self.what}")


def member(mapping: YamlMap, about: Key, what: str) -> Section:
    """The section that a mapping is, by its table's entry; for errors see `Section.section`."""
    found = Section(mapping, about.keys or {}, what)
    if about.any_of and not any(key in mapping for key in about.any_of):
        raise mapping.error(f"{what} needs at least one of {', '.join(about.any_of)}")
    return found


def _value(mapping: YamlMap, key: str, what: str, about: Key) -> Any:
    if about.kind == "names":
        return names(mapping, key, what, None if about.required else _several(about.default))
    if key not in mapping and about.kind not in ("map", "list") and about.default is None and not about.required:
        return None
    if about.kind in _READERS:
        return _READERS[about.kind](mapping, key, what, about.default)
    if about.kind in _TYPES:
        empty = {"map": YamlMap(file=mapping.file), "list": []}.get(about.kind)
        default = REQUIRED if about.required else empty if about.default is None else about.default
        return expect(mapping, key, _TYPES[about.kind], what, default)
    return mapping.get(key, about.default)


def _several(default: Any) -> tuple[str, ...]:
    return (default,) if isinstance(default, str) else tuple(default or ())


def check(about: Key, value: Any, mapping: YamlMap, key: str, what: str) -> None:
    """Raises `InvalidFile` for a value that isn't one of the choices, or doesn't fit the pattern."""
    if key not in mapping or about.kind not in ("text", "any"):
        return
    if (about.choices and value not in about.choices) or (about.pattern and not fits(about, value)):
        raise refused(about, value, mapping, key, what)


def refused(about: Key, value: Any, mapping: YamlMap, key: str, what: str) -> InvalidFile:
    """The error of a value that can't be taken, as the table words it."""
    words = about.refusal or (
        "unknown {key} {shown} in {what}" if about.choices else "{shown} can't be '{key}' in {what}"
    )
    right = about.hint(value) if callable(about.hint) else about.hint
    hint = (did_you_mean(str(value), about.choices) if about.choices else None) or right
    return mapping.error(words.format(key=key, value=value, shown=shown(value), what=what), key, hint)


def fits(about: Key, value: Any) -> bool:
    """Whether a value fits the key's pattern; numbers do that are written so."""
    is_word = isinstance(value, str) or (about.kind == "any" and type(value) is int)
    return is_word and re.search((about.pattern or "").replace("$", r"\Z"), str(value)) is not None
