"""The schema of the document that `--json` prints, made from the result's own classes."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from cdconf.events import HostResult, ResourceDone, SmokeDone

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}
_EXIT_CODES = "0 done · 1 failed · 2 differences found · 3 stopped by a gate · 4 a host was unreachable · 130 · 143"


def schema() -> dict[str, Any]:
    """The schema of the document; a command's own keys are free."""
    error = {
        "kind": {"type": "string", "description": "Which kind of error: `usage`, `invalid_file`, `unreachable`, …"},
        "message": {"type": "string"},
        "file": {"type": ["string", "null"]},
        "line": {"type": ["integer", "null"], "minimum": 1},
        "hint": {"type": ["string", "null"]},
    }
    properties = {
        "schema_version": {"const": 1},
        "command": {"type": ["string", "null"], "description": "The verb."},
        "environment": {"type": ["string", "null"]},
        "ok": {"type": "boolean", "description": "Whether the exit code is 0."},
        "exit_code": {"type": "integer", "description": _EXIT_CODES},
        "error": {"anyOf": [_closed(error), {"type": "null"}]},
        "hosts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/host"}},
        "duration_s": {"type": "number", "minimum": 0},
    }
    text = {"type": "string"}
    host = _fields(HostResult)
    host["resources"] = {"type": "array", "items": {"$ref": "#/$defs/resource"}}
    host["not_attempted"] = {"type": "array", "items": {"$ref": "#/$defs/not_attempted"}}
    host["smoke"] = {"type": "array", "items": {"$ref": "#/$defs/smoke"}}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "if": {"properties": {"exit_code": {"const": 0}}},
        "then": {"properties": {"ok": {"const": True}}},
        "else": {"properties": {"ok": {"const": False}}},
        "$defs": {
            "host": _closed(host, optional=("smoke",)),
            "resource": _closed(_fields(ResourceDone, without="host")),
            "not_attempted": _closed({"type": text, "title": text, "source": {"type": ["string", "null"]}}),
            "smoke": _closed(_fields(SmokeDone, without="host")),
            "finding": _closed(error),
        },
    }


def _closed(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _fields(kind: type, without: str = "") -> dict[str, Any]:
    """A dataclass's fields as properties."""
    hints = typing.get_type_hints(kind)
    return {field.name: _of(hints[field.name]) for field in dataclasses.fields(kind) if field.name != without}


def _of(hint: Any) -> dict[str, Any]:
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return {"enum": list(typing.get_args(hint))}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_of(one) for one in typing.get_args(hint)]}
    return dict(_PLAIN.get(hint, {}))
