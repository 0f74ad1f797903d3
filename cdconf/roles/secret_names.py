"""Which secrets roles declare, read without their resources: no type's code is needed for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.yamlfile import load

if TYPE_CHECKING:
    from cdconf.inventory import Project


def secret_names(project: Project, roles: Iterable[str]) -> list[str]:
    """The names, each once; a role.yml that breaks a rule has none, which is for others to say.

    Args:
        project: The project.
        roles: The roles' names.
    """
    found: dict[str, None] = {}
    for role in roles:
        with contextlib.suppress(CdconfError):
            variables = load(project.root / "roles" / role / "role.yml", project.root).get("variables")
            if isinstance(variables, dict):
                found |= {name: None for name, one in variables.items() if isinstance(one, dict) and one.get("secret")}
    return list(found)
