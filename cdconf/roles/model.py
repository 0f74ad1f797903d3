"""What role.yml declares, before anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdconf.yamlfile import YamlMap


@dataclass(frozen=True)
class Variable:
    """A variable that a role reads.

    Args:
        name: Its name.
        type: string, integer, number, boolean, list, map or any.
        default: Its default; `required` is True when it has none.
        required: Whether some layer must set it.
        doc: One sentence.
        per_environment: A copy must set its own.
        secret: Its value is a secret.
        generate: Length of the secret to make for a provider-made environment; None: it must be set.
        file: role.yml.
        line: Where it's declared.
    """

    name: str
    type: str
    default: Any
    required: bool
    doc: str
    per_environment: bool
    secret: bool
    generate: int | None
    file: str
    line: int


@dataclass(frozen=True)
class Declared:
    """A resource or handler as it's written. `action` is for handlers."""

    type: str
    title: Any
    fields: YamlMap
    file: str
    line: int
    when: Any = None
    for_each: Any = None
    notify: tuple[str, ...] = ()
    sensitive: bool = False
    absent: bool = False
    action: str | None = None

    @property
    def source(self) -> str:
        """`roles/shop/role.yml:9`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Role:
    """A role; `folder` holds templates/, files/ and smoke/."""

    name: str
    folder: Path
    variables: dict[str, Variable] = field(default_factory=dict)
    resources: tuple[Declared, ...] = ()
    handlers: dict[str, Declared] = field(default_factory=dict)
