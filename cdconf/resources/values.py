"""Resource types and their fields as JSON, for the process that has the project's types."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from cdconf.resources.spec import REQUIRED, Field, ResourceType

_BYTES, _REQUIRED = "\0bytes", "\0required"
_FUNCTIONS = ("normalise", "paths", "elsewhere", "fields")


def to_json(value: Any) -> Any:
    """A value of a catalog: JSON has no bytes."""
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    if value is REQUIRED:
        return {_REQUIRED: True}
    if isinstance(value, Mapping):
        return {str(name): to_json(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(member) for member in value]
    return str(value) if isinstance(value, str) else value


def from_json(value: Any) -> Any:
    """The value that `to_json` made JSON of; tuples have become lists."""
    if isinstance(value, dict):
        if _BYTES in value:
            return base64.b64decode(str(value[_BYTES]))
        return REQUIRED if _REQUIRED in value else {name: from_json(member) for name, member in value.items()}
    return [from_json(member) for member in value] if isinstance(value, list) else value


def described(kind: ResourceType) -> dict[str, Any]:
    """All of a type but its functions."""
    fields = {name: to_json(_members(field)) for name, field in kind.fields.items()}
    return {**to_json({name: one for name, one in _members(kind).items() if name not in _FUNCTIONS}), "fields": fields}


def _members(value: Any) -> dict[str, Any]:
    """A dataclass's fields as they are: `asdict` copies what's in them, and REQUIRED is known by its identity."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def type_of(description: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> ResourceType:
    """The type that `described` tells of.

    Raises:
        TypeError, ValueError, KeyError, AttributeError: It's no such description.
    """
    words = from_json(dict(description))
    fields = {str(name): _field(one) for name, one in words.pop("fields").items()}
    for name in ("name", "doc", "title", "example"):
        if not isinstance(words[name], str):
            raise TypeError(f"its {name} isn't text")
    if words["title"] not in fields:
        raise ValueError("it has no field that its title fills")
    for name in ("guards", "identity", "portrayed"):
        words[name] = tuple(map(str, words[name]))
    words["holds"] = None if words.get("holds") is None else tuple(map(str, words["holds"]))
    words["exclusive"] = tuple(tuple(map(str, one)) for one in words["exclusive"])
    words["actions"] = {str(name): str(doc) for name, doc in words["actions"].items()}
    whole: dict[str, Any] = {**words, **functions, "fields": fields, "elsewhere": True}
    return ResourceType(**whole)


def _field(words: dict[str, Any]) -> Field:
    return Field(**{**words, "choices": tuple(words["choices"]), "public_keys": tuple(map(str, words["public_keys"]))})
