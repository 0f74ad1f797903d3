"""From a table of keys to the schema of the mapping that has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdconf.inventory.key import Key

_SIMPLE: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "size": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "switch": {"enum": ["on", "off", True, False]},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "names": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "duration": {
        "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(s|m|h|d)$"}]
    },
    "any": {},
}


def mapping(
    doc: str, keys: Mapping[str, Key], one_of: tuple[str, ...] = (), any_of: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The schema of a mapping with these keys and no others.

    Args:
        doc: About the mapping.
        keys: Its keys.
        one_of: Keys of which exactly one must be given.
        any_of: Keys of which at least one must be given.
    """
    result: dict[str, Any] = {
        "type": "object",
        "description": doc,
        "properties": {name: value(key) for name, key in keys.items()},
        "additionalProperties": False,
    }
    required = [name for name, key in keys.items() if key.required]
    if required:
        result["required"] = required
    if one_of:
        result["oneOf"] = [{"required": [name]} for name in one_of]
    if any_of:
        result["anyOf"] = [{"required": [name]} for name in any_of]
    return result


def value(key: Key) -> dict[str, Any]:
    """The schema of one key's value."""
    if key.kind == "map" and key.keys is not None:
        result = _of_keys(key, key.keys)
    elif key.kind == "map":
        result = {"type": "object", "additionalProperties": value(key.member) if key.member else True}
    elif key.kind == "list":
        items = value(key.member) if key.member else True
        result = {"type": "array", "items": items}
        result = {"anyOf": [items, result]} if key.single else result
    else:
        result = dict(_SIMPLE[key.kind])
    if key.pattern:
        result["pattern"] = key.pattern
    if key.choices:
        result["enum"] = list(key.choices)
    if key.nullable:
        result["type"] = [result["type"], "null"]
    if key.doc:
        result["description"] = key.doc
    if key.default is not None:
        result["default"] = key.default
    return result


def _of_keys(key: Key, keys: Mapping[str, Key]) -> dict[str, Any]:
    """A mapping of certain keys, or what may stand for it."""
    result = mapping(key.doc, keys, key.one_of, key.any_of)
    if key.short:
        return {"anyOf": [dict(_SIMPLE["names"]), result]}
    if key.plain:
        return {"anyOf": [value(keys[key.plain]), result]}
    if key.word:
        return {"anyOf": [{"const": key.word}, result]}
    return {"anyOf": [value(keys[key.short_list]), result]} if key.short_list else result
