"""The schemas of variable files: what the project's roles declare, and anything else that has a proper name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.authoring.schemas.templated import TEMPLATE, templated
from cdconf.roles.keys import IDENTIFIER

if TYPE_CHECKING:
    from cdconf.roles import Role, Variable

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array"},
    "map": {"type": "object"},
    "any": {},
}
_ENCRYPTED = {"type": "string", "pattern": "^(age:|-----BEGIN AGE)"}


def schema(roles: Mapping[str, Role]) -> dict[str, Any]:
    """Of group_vars, host_vars and throwaway.yml.

    Args:
        roles: Their variables are checked for their types; a secret may not stand in these files.
    """
    declared = {name: variable for role in roles.values() for name, variable in role.variables.items()}
    return {
        "type": "object",
        "description": "Variables: name -> value. Values may refer to other variables: {{ name }}.",
        "propertyNames": {"pattern": IDENTIFIER},
        "properties": {name: _variable(variable) for name, variable in sorted(declared.items())},
        "additionalProperties": {"not": _ENCRYPTED},
        "$defs": {"template": TEMPLATE},
    }


def _variable(variable: Variable) -> dict[str, Any]:
    doc = f"{variable.doc} ({variable.file})".strip()
    if variable.secret:
        return {"not": {}, "description": f"{doc} This is a secret: use `cdconf secret set`."}
    return {**templated(_TYPES[variable.type]), "description": doc}


def secrets(roles: Mapping[str, Role]) -> dict[str, Any]:
    """Of secrets.yml: encrypted values only."""
    declared = {
        name: variable for role in roles.values() for name, variable in role.variables.items() if variable.secret
    }
    return {
        "type": "object",
        "description": "Secrets: name -> value encrypted with age, written by `cdconf secret set`.",
        "propertyNames": {"pattern": IDENTIFIER},
        "properties": {
            name: {**_ENCRYPTED, "description": variable.doc} for name, variable in sorted(declared.items())
        },
        "additionalProperties": _ENCRYPTED,
    }
