"""What hosts run of the project's when they're only looked at: guards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.no_code import check_code
from cdconf.yamlfile import shown

if TYPE_CHECKING:
    from cdconf.resources.spec import ResourceType
    from cdconf.roles import Declared


def check_guards(declared: Declared, kind: ResourceType, title: str, fields: Mapping[str, Any]) -> None:
    """Raises `CodeRefused` where a resource has a guard that's a command line, and no code may run."""
    for name in kind.guards if not declared.action else ():
        if name in fields and kind.fields[name].kind == "string":
            what = f"the guard '{name}' of {kind.name} {shown(title)}"
            check_code(what, declared.file, declared.fields.lines.get(name, declared.line))
