"""Files that hold a secret: who may read them is said by their author, or it's root alone from the first byte on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.catalog.findings import LintFinding
from cdconf.errors import InvalidFile
from cdconf.secrets import is_tainted
from cdconf.yamlfile import shown

if TYPE_CHECKING:
    from cdconf.catalog.model import Catalog, Resource
    from cdconf.resources.spec import ResourceType
    from cdconf.roles import Declared

PRIVATE = "0600"
_OTHERS_READ = 0o004


def holds(kind: ResourceType, declared: Declared, secrets: Collection[str]) -> bool:
    """Whether a resource writes what was made of secrets into a file.

    Args:
        kind: Its type.
        declared: How it's declared.
        secrets: The names of its fields that were made of secrets.
    """
    if declared.absent or declared.action or not ("mode" in kind.fields or "create" in kind.fields):
        return False
    given = kind.holds if kind.holds is not None else kind.fields
    return any(name in given and not kind.fields[name].sensitive for name in secrets if name in kind.fields)


def closed(kind: ResourceType, declared: Declared, title: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a resource that holds a secret, so that a new file is nobody else's to read.

    Raises:
        InvalidFile: It must say the file's `mode`, and doesn't.
    """
    mode = kind.fields.get("mode")
    if mode is None:
        return {**fields, "new_mode": PRIVATE}
    is_given = declared.fields.get("mode") is not None
    if is_given and _is_octal(fields.get("mode")):
        return fields
    if not is_given and mode.default is None and "mode" in fields:  # it's made of the others, and can't be given
        return {**fields, "mode": PRIVATE}
    if not is_given and mode.default is not None and not _is_open(str(mode.default)):
        return fields
    message = f"{kind.name} {shown(title)} holds a secret, so it must say who may read it: it has no 'mode'"
    if is_given:
        message += " but changes to one"
    hint = 'give it `mode: "0600"` (or "0640" and a `group`)' + (", and its `owner`" * ("owner" in kind.fields))
    raise InvalidFile(message, file=declared.file, line=declared.line, hint=hint)


def findings(catalogs: Iterable[Catalog], types: dict[str, ResourceType]) -> Iterator[LintFinding]:
    """Files that hold a secret and that others may read, or of which nobody says who may.

    Args:
        catalogs: The catalogs of all hosts.
        types: The types of their resources.
    """
    for catalog in catalogs:
        modes = {
            resource.title: str(resource.fields["mode"])
            for resource in catalog.resources
            if resource.type == "file" and _has_mode(resource)
        }
        for resource in catalog.resources:
            if resource.holds_secret:
                yield from _of(
                    resource, types[resource.type], modes.get(str(resource.fields.get(types[resource.type].title)))
                )


def _has_mode(resource: Resource) -> bool:
    return _is_octal(resource.fields.get("mode")) and not resource.absent


def _of(resource: Resource, kind: ResourceType, managed: str | None) -> Iterator[LintFinding]:
    file, _, line = resource.source.rpartition(":")
    mode = resource.fields.get("mode") or managed or (PRIVATE if resource.fields.get("create") else None)
    if mode is None:
        message = f"'{resource.title}' gets a secret, and nothing says who may read the file"
        hint = f'say it: `file: {resource.fields[kind.title]}` with `owner` and `mode: "0600"`, without content'
        yield LintFinding("readable_secret", message, file, int(line), hint)
    elif _is_open(str(mode)):
        message = f"'{resource.title}' holds a secret, and its mode {mode} lets everybody on the host read it"
        yield LintFinding("readable_secret", message, file, int(line), 'give it `mode: "0600"`, or "0640"')
    if "owner" in kind.fields and resource.fields.get("owner") is None:
        message = f"'{resource.title}' holds a secret, and a file that's there already stays whose it is"
        yield LintFinding("unowned_secret", message, file, int(line), "give it an `owner`, such as root")


def _is_octal(mode: object) -> bool:
    """Whether a mode says who may read a file, whatever was there before."""
    return mode is not None and str(mode).isdecimal()


def _is_open(mode: str) -> bool:
    return bool(int(mode, 8) & _OTHERS_READ)


def plain_fields(
    kind: ResourceType, given: Collection[str], secrets: Collection[str], fields: Mapping[str, Any]
) -> frozenset[str]:
    """The fields of a resource in which no secret is: given without one, or a type's own default.

    Args:
        kind: Its type.
        given: The names of the fields that its declaration writes down.
        secrets: Those of them that were made of secrets.
        fields: The catalog's fields.
    """
    return frozenset(
        name
        for name, value in fields.items()
        if name in kind.fields
        and not kind.fields[name].sensitive
        and name not in secrets
        and (name in given or value == kind.fields[name].default)
        and not is_tainted(value)
    )
