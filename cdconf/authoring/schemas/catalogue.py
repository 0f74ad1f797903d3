"""Which schemas there are, and how files name theirs."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.authoring.schemas import output, role, variables
from cdconf.authoring.schemas.keyed import mapping, value
from cdconf.errors import UsageError, did_you_mean
from cdconf.inventory import keys, policy_keys, waiver_keys

if TYPE_CHECKING:
    from cdconf.resources.spec import ResourceType
    from cdconf.roles import Role

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ABOUT = {
    "cdconf": "cdconf.yml",
    "hosts": "inventories/ENV/hosts.yml",
    "variables": "inventories/ENV/group_vars/*.yml, host_vars/*.yml and throwaway.yml",
    "secrets": "inventories/ENV/secrets.yml",
    "toggles": "inventories/ENV/toggles.yml",
    "waivers": "inventories/ENV/waivers.yml",
    "role": "roles/ROLE/role.yml",
    "policy": "~/.config/cdconf/policy/PROJECT.yml",
    "output": "what `--json` prints",
}


def schema(name: str, types: Mapping[str, ResourceType], roles: Mapping[str, Role] | None = None) -> dict[str, Any]:
    """One schema.

    Args:
        name: A key of `ABOUT`.
        types: The resource types, the project's own included.
        roles: The project's roles, whose variables files may set; None outside of a project.

    Raises:
        UsageError: There's no such schema.
    """
    if name == "cdconf":
        body = mapping("A project.", keys.CDCONF)
    elif name == "hosts":
        body = mapping("An environment.", keys.HOSTS)
        body["anyOf"] = [{"required": ["hosts"]}, {"required": ["copy_of"]}]
    elif name == "variables":
        body = variables.schema(roles or {})
    elif name == "secrets":
        body = variables.secrets(roles or {})
    elif name == "toggles":
        body = {"type": "object", "additionalProperties": value(keys.TOGGLES["APP"])}
    elif name == "waivers":
        body = mapping("Findings of drift that are accepted for a while.", waiver_keys.WAIVERS)
    elif name == "role":
        body = role.schema(types)
    elif name == "policy":
        body = mapping("What an operator lays down for a project, outside of its repository.", policy_keys.POLICY)
    elif name == "output":
        body = output.schema()
    else:
        hint = did_you_mean(name, ABOUT) or f"there are: {', '.join(ABOUT)}"
        raise UsageError(f"there is no schema '{name}'", hint=hint)
    return {"$schema": DIALECT, "title": f"cdconf: {ABOUT[name]}", **body}


def modeline(name: str, file: str, folder: str = ".cdconf/schemas") -> str:
    """The comment by which editors find a file's schema.

    Args:
        name: The schema.
        file: The file, relative to the project.
        folder: Where the schemas are, relative to the project.
    """
    path = posixpath.relpath(f"{folder}/{name}.json", posixpath.dirname(file) or ".")
    return f"# yaml-language-server: $schema={path}"
