"""Checks a resource's rendered fields against its type."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from cdconf.errors import InvalidFile, did_you_mean
from cdconf.resources.spec import REQUIRED, VALIDATE
from cdconf.secrets import Secret, is_tainted
from cdconf.yamlfile import shown

if TYPE_CHECKING:
    from cdconf.resources.spec import Field, ResourceType
    from cdconf.roles import Declared

_MODE = re.compile(r"[0-7]{3,4}\Z")
_CHANGE = r"[ugoa]*[-+=][rwxXst]*"
_CHANGES = re.compile(rf"{_CHANGE}(,{_CHANGE})*\Z")
_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("text", (str,)),
    "integer": ("a whole number", (int,)),
    "number": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
    "list": ("a list", (list, tuple)),
    "map": ("a mapping", (dict,)),
}


def check_fields(kind: ResourceType, declared: Declared, title: str, values: dict[str, Any]) -> dict[str, Any]:
    """The fields as the catalog has them: defaults filled in, kinds checked, modes and paths normalised.

    Raises:
        InvalidFile: A value is missing or of the wrong kind, or two fields exclude each other.
    """
    fields: dict[str, Any] = {}
    given = {kind.title: title, **values}
    for name, spec in kind.fields.items():
        value = given.get(name, spec.default)
        if value is None and spec.default is not REQUIRED:
            value = spec.default  # `owner:` without a value is as good as none
        if name == kind.title and (value is None or value == ""):
            raise _error(kind, declared, title, name, f"'{name}' is empty")
        if spec.default is REQUIRED and (value is REQUIRED or value is None):
            if declared.absent or declared.action:
                continue
            raise _error(kind, declared, title, name, f"'{name}' is empty")
        if value is not None:
            fields[name] = _checked(kind, declared, title, name, spec, value)
    for group in kind.exclusive:
        both = [name for name in group if name in values]
        if len(both) > 1:
            raise _error(kind, declared, title, both[1], f"'{both[0]}' and '{both[1]}' exclude each other")
    return fields


def _error(
    kind: ResourceType, declared: Declared, title: str, name: str, message: str, hint: str | None = None
) -> InvalidFile:
    line = declared.fields.lines.get(name, declared.line)
    return InvalidFile(f"{message} in resource {kind.name} {shown(title)}", file=declared.file, line=line, hint=hint)


def _checked(kind: ResourceType, declared: Declared, title: str, name: str, spec: Field, value: Any) -> Any:
    if spec.kind == "any":
        return value
    if spec.kind in ("mode", "path"):
        return _normal(kind, declared, title, name, spec, value)
    if spec.kind == "list" and spec.members == "any" and isinstance(value, str):
        value = [value]
    if spec.kind == "list" and spec.members == "string" and isinstance(value, (str, list, tuple)):
        return _texts(kind, declared, title, name, value)
    if spec.kind == "string" and isinstance(value, float):
        hint = f'quote it where it stands: "{value}"'
        raise _error(kind, declared, title, name, f"'{name}' must be text, not {_shown(value)}", hint)
    if spec.kind == "string" and type(value) is int:
        value = str(value)
    words, types = _KINDS[spec.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and spec.kind in ("integer", "number")):
        bare = next(iter(value)) if isinstance(value, dict) and list(value.values()) == [None] else None
        meant = None if bare is None else f'braces alone make a mapping; a template is "{{{{ {bare} }}}}"'
        raise _error(kind, declared, title, name, f"'{name}' must be {words}, not {_shown(value)}", meant)
    if spec is VALIDATE and "{}" not in str(value):
        hint = "without it the command never sees the new content"
        raise _error(kind, declared, title, name, "'validate' must have a {} in it, for the new file's path", hint)
    if spec.choices and value not in spec.choices:
        known = [str(choice) for choice in spec.choices]
        hint = did_you_mean(str(value), known) or f"one of: {', '.join(known)}"
        raise _error(kind, declared, title, name, f"'{name}' can't be {_shown(value)}", hint)
    return value


def _texts(kind: ResourceType, declared: Declared, title: str, name: str, value: Any) -> list[str]:
    """The members of a list; one text stands for a list of one."""
    members = [value] if isinstance(value, str) else value
    wrong = next((member for member in members if not isinstance(member, str) and type(member) is not int), None)
    if wrong is not None or None in members:
        hint = f'quote it: "{wrong}"' if isinstance(wrong, float) else None
        raise _error(
            kind, declared, title, name, f"'{name}' must be a list of texts, but {_shown(wrong)} is in it", hint
        )
    return [member if isinstance(member, str) else str(member) for member in members]


def _normal(kind: ResourceType, declared: Declared, title: str, name: str, spec: Field, value: Any) -> Any:
    normal = _mode(value, spec.relative) if spec.kind == "mode" else _path(value)
    if normal is None:
        wanted = 'a mode such as "0644"' if spec.kind == "mode" else "an absolute path"
        wanted += ", or changes such as go-w or u=rwX,go=rX" if spec.relative else ""
        if spec.kind == "path" and isinstance(value, str) and ".." in value.split("/"):
            wanted += " without `..`"
        raise _error(kind, declared, title, name, f"'{name}' must be {wanted}, not {_shown(value)}")
    return Secret(normal) if is_tainted(value) else normal


def _shown(value: Any) -> str:
    if is_tainted(value):
        return "this secret"
    return shown(value)


def _mode(value: Any, relative: bool) -> str | None:
    if not isinstance(value, str):
        return None
    if relative and _CHANGES.match(value):
        return value
    return value.zfill(4) if _MODE.match(value) else None


def _path(value: Any) -> str | None:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or ".." in value.split("/"):
        return None
    return "/" + posixpath.normpath(value).lstrip("/")
