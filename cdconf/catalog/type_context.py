"""What a type's `normalise` is given: what it may ask for, and what becomes of its own mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.catalog.sources import read_file, read_tree
from cdconf.errors import InvalidFile
from cdconf.secrets import is_tainted
from cdconf.yamlfile import shown

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.catalog.compiler import Compiler
    from cdconf.catalog.scope import Scope
    from cdconf.resources.spec import ResourceType
    from cdconf.roles import Declared, Role


def normalised(kind: ResourceType, title: str, given: Mapping[str, Any], asked: TypeContext) -> dict[str, Any]:
    """The fields as a type makes them.

    Args:
        kind: The type.
        title: The resource's title.
        given: Its checked fields, and `absent`.
        asked: What the type may ask for.

    Raises:
        InvalidFile: They break a rule of the type, or the type fails.
    """
    try:
        return kind.normalise(dict(given), asked)  # type: ignore[misc]  # it's there
    except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError) as error:
        message = (
            f"the type {kind.name} can't cope with these fields of {shown(title)}: {type(error).__name__}: {error}"
        )
        raise asked.error(message, "if they're right, mend the type's spec.py, or report it") from error


class TypeContext:
    """What a type's `normalise` may ask for: a `cdconf.resources.spec.Context`, for one resource.

    Args:
        compiler: The environment's.
        scope: The host's.
        role: The resource's.
        declared: The resource as it's declared; errors point at it.

    Attributes:
        secrets: What the type was given that was made of a secret.
        fields_of_secrets: The fields by which it was asked for.
    """

    def __init__(self, compiler: Compiler, scope: Scope, role: Role, declared: Declared) -> None:
        self._compiler = compiler
        self._scope = scope
        self._role = role
        self._declared = declared
        self.secrets: list[Any] = []
        self.fields_of_secrets: list[str] = []

    def template(self, name: str) -> str:
        """See `Context`."""
        line = self._declared.fields.lines.get("template", self._declared.line)
        text = self._scope.template(self._role.name, name, self._declared.file, line)
        if is_tainted(text):
            self.secrets.append(text)
            self.fields_of_secrets.append("template")
        return text

    def source_file(self, name: str) -> bytes:
        """See `Context`."""
        return read_file(name, self._folders(), self._compiler.project.root, self.error)

    def source_directory(self, name: str) -> dict[str, tuple[bytes, bool]]:
        """See `Context`."""
        return read_tree(name, self._folders(), self._compiler.project.root, self.error)

    def _folders(self) -> dict[str, Path]:
        root = self._compiler.project.root
        folders = (self._role.folder / "files", root / "files")
        return {folder.relative_to(root).as_posix() + "/": folder for folder in folders}

    def condition(self, expression: str) -> bool:
        """See `Context`; it's noted when the condition reads a secret."""
        at = self._declared.file, self._declared.line
        holds, is_secret = self._scope.noted(lambda: self._scope.condition(expression, *at))
        if is_secret:
            self.secrets.append(holds)
        return holds

    def error(self, message: str, hint: str | None = None) -> InvalidFile:
        """See `Context`."""
        return InvalidFile(message, file=self._declared.file, line=self._declared.line, hint=hint)
