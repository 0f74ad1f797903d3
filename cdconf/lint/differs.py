"""Checks what `differs` names: resource types and their fields, facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cdconf.errors import InvalidFile, did_you_mean
from cdconf.facts import GROUPS

if TYPE_CHECKING:
    from cdconf.inventory import Differs, Environment
    from cdconf.resources.spec import ResourceType


def check_differs(environment: Environment, types: Mapping[str, ResourceType]) -> None:
    """Raises `InvalidFile` for the first entry of an environment's `differs` that names what can't be."""
    for entry in environment.differs:
        if entry.what == "resource":
            _check_resource(entry, types)
        elif entry.what == "fact":
            _check_fact(entry)


def _check_resource(entry: Differs, types: Mapping[str, ResourceType]) -> None:
    kind, _, title = entry.value.partition(" ")
    if not title:
        hint = "such as `package nginx`, or `file /etc/shop/*`"
        raise InvalidFile(
            f"'{entry.value}' in differs must be a type and a title", file=entry.file, line=entry.line, hint=hint
        )
    if kind not in types:
        message = f"there is no resource type '{kind}'"
        raise InvalidFile(message, file=entry.file, line=entry.line, hint=did_you_mean(kind, types))
    known = ["exists", *types[kind].fields]
    if entry.field is not None and entry.field not in known:
        message = f"a {kind} has no field '{entry.field}'"
        raise InvalidFile(message, file=entry.file, line=entry.line, hint=did_you_mean(entry.field, known))


def _check_fact(entry: Differs) -> None:
    """Names below disks, mounts and interfaces differ from host to host, and can't be checked."""
    paths = [fact.path for group in GROUPS for fact in group.facts]
    known = {path.partition(".<")[0] for path in paths} | {path.partition(".")[0] for path in paths}
    free = {path.partition(".<")[0] for path in paths if ".<" in path}
    if entry.value not in known and not any(entry.value.startswith(f"{one}.") for one in free):
        hint = did_you_mean(entry.value, known)
        raise InvalidFile(f"there is no fact '{entry.value}'", file=entry.file, line=entry.line, hint=hint)
