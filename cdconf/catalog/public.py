"""What others on a host can see, such as the arguments of programs, can't be made of a secret."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.errors import InvalidFile
from cdconf.secrets import is_tainted

if TYPE_CHECKING:
    from cdconf.catalog.scope import Scope
    from cdconf.resources.spec import Field, ResourceType
    from cdconf.roles import Declared


def check_public(
    scope: Scope, declared: Declared, kind: ResourceType, fields: Mapping[str, Any], secrets: Collection[str]
) -> None:
    """Checks a resource's fields.

    Args:
        scope: What its texts were rendered with.
        declared: How it's declared.
        kind: Its type.
        fields: Its fields, as the catalog has them.
        secrets: The names of those that were made of secrets.

    Raises:
        InvalidFile: What names the resource, or what others can see, was made of a secret.
    """
    if not secrets and not is_tainted(fields):
        return
    public = kind.public
    for name in (kind.title, *kind.identity, *[one for one in public if one in secrets], *public):
        if name in secrets or is_tainted(fields.get(name)):
            message, hint = f"'{name}' names the {kind.name}, so it can't be made of a secret", None
            if name in public:
                message, hint = _seen(f"'{name}'", kind), kind.fields[name].instead
            raise InvalidFile(
                message, file=declared.file, line=declared.fields.lines.get(name, declared.line), hint=hint
            )
    for name, spec in kind.fields.items():
        if name in secrets or is_tainted(fields.get(name)):
            for key, line in _seen_keys(scope, declared, name, spec):
                message = _seen(f"'{key}' in '{name}'", kind)
                raise InvalidFile(message, file=declared.file, line=line, hint=spec.instead)


def _seen(what: str, kind: ResourceType) -> str:
    return f"others on the host can see {what} of a {kind.name}, so it can't be made of a secret"


def _seen_keys(scope: Scope, declared: Declared, name: str, spec: Field) -> Iterator[tuple[str, int]]:
    """The keys of a map that was made of secrets whose values are seen, and were; and where they stand."""
    given = declared.fields.get(name)
    line = declared.fields.lines.get(name, declared.line)
    if not spec.public_keys:
        return
    if isinstance(given, dict):
        lines = getattr(given, "lines", {})
        members = {key: (value, lines.get(key, line)) for key, value in given.items()}
    else:  # an expression: all of it was read together
        found = scope.render(given, declared.file, line)
        members = {str(key): (given, line) for key in found} if isinstance(found, dict) else {}
    for key, (value, at) in members.items():
        if any(fnmatchcase(str(key), one) for one in spec.public_keys):
            found, is_secret = scope.noted(partial(scope.render, value, declared.file, at))
            found = found.get(key) if isinstance(found, dict) and not isinstance(given, dict) else found
            if is_secret and not (spec.but_values and str(found).startswith(spec.but_values)):
                yield str(key), at
