"""What may be in a resource type's agent.py, which runs on hosts."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import InvalidFile
from cdconf.own_files import read_bytes, reason
from cdconf.resources.discovery import is_own, type_folders

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST = 4 * 1024 * 1024  # bytes of an agent.py
# Of the standard library, but not yet in Python 3.6.
_NEWER = {
    "__future__.annotations", "compression", "contextvars", "dataclasses", "graphlib", "importlib.metadata",
    "importlib.resources", "tomllib", "zoneinfo",
}  # fmt: skip


def agent_errors(project_root: Path, packages: Sequence[str]) -> list[InvalidFile]:
    """What keeps types that aren't cdconf's own from running on a host, at most one error for each.

    Args:
        project_root: See `type_folders`.
        packages: See `type_folders`.

    Raises:
        InvalidFile: See `type_folders`.
    """
    errors = []
    for folder in type_folders(project_root, packages).values():
        try:
            if not is_own(folder):
                check_agent(folder / "agent.py", project_root)
        except InvalidFile as error:
            errors.append(error)
    return errors


def check_agent(path: Path, project_root: Path | None) -> None:
    """Refuses agent code that couldn't run on a host: there are Python 3.6, its standard library and `cdconf.agent`.

    Raises:
        InvalidFile: It isn't there, isn't Python 3.6, imports something else, or can't observe or apply.
    """
    inside = project_root is not None and path.is_relative_to(project_root)
    shown = path.relative_to(project_root).as_posix() if inside and project_root else str(path)
    if not path.is_file():
        raise InvalidFile("a resource type needs an agent.py, which observes and applies it", file=shown)
    try:
        tree = ast.parse(read_bytes(path, LARGEST), shown, feature_version=(3, 6))
    except OSError as error:
        raise InvalidFile(f"can't be read: {reason(error)}", file=shown) from error
    except (RecursionError, MemoryError) as error:
        raise InvalidFile("this isn't Python 3.6: it's nested too deeply", file=shown) from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise InvalidFile(f"this isn't Python 3.6: {getattr(error, 'msg', error)}", file=shown, line=line) from error
    for statement in ast.walk(tree):
        for name in _imported(statement):
            if not _is_there(name):
                raise InvalidFile(
                    f"it imports '{name}', which isn't on a host",
                    file=shown,
                    line=getattr(statement, "lineno", None),
                    hint="agent code may import cdconf.agent and the standard library of Python 3.6, nothing else",
                )
    for function in ("observe", "apply"):
        if function not in _defined(tree):
            raise InvalidFile(f"it has no function '{function}'", file=shown)


def _is_there(name: str) -> bool:
    top = name.partition(".")[0]
    return (top in sys.stdlib_module_names and not {top, name} & _NEWER) or f"{name}.".startswith("cdconf.agent.")


def _imported(statement: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(statement, ast.Import):
        return [name.name for name in statement.names]
    if not isinstance(statement, ast.ImportFrom):
        return []
    if statement.level:
        return ["." * statement.level + (statement.module or "")]
    if statement.module in ("cdconf", "__future__"):
        return [f"{statement.module}.{name.name}" for name in statement.names]
    return [statement.module or ""]


def _defined(tree: ast.Module) -> set[str]:
    """The names that a module has in the end: functions, and what's imported or assigned."""
    names: set[str] = set()
    for one in ast.walk(tree):
        if isinstance(one, ast.FunctionDef):
            names.add(one.name)
        elif isinstance(one, ast.alias):
            names.add(one.asname or one.name)
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            names.add(one.id)
    return names
