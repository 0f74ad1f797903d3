"""The smoke tests on disk: which there are, and whether Python can read them, before any host is touched."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from cdconf.errors import InvalidFile
from cdconf.inside import check_inside
from cdconf.own_files import read_bytes, reason

LARGEST = 4 * 1024 * 1024  # bytes of a file of Python


def smoke_files(root: Path, roles: Iterable[str]) -> list[Path]:
    """The test files of these roles.

    Raises:
        InvalidFile: One, or what lies beside it, is a link out of the project, or isn't a file.
    """
    found = []
    for role in roles:
        for path in _python(root, role):
            name = path.relative_to(root).as_posix()
            check_inside(path, root, name)
            if not path.is_dir() and not path.is_file():  # pytest would wait for a pipe
                raise InvalidFile("this isn't a file", file=name)
            if path.parent.name == "smoke" and path.parent.parent.name == role and path.match("test_*.py"):
                found.append(path)
    return found


def _python(root: Path, role: str) -> list[Path]:
    """Every Python file of a role's smoke tests, sorted."""
    return sorted((root / "roles" / role / "smoke").rglob("*.py"))


def smoke_errors(root: Path, roles: Iterable[str]) -> list[InvalidFile]:
    """What Python can't compile of these roles' tests and of what lies beside them, file by file."""
    errors = []
    for role in roles:
        for path in _python(root, role):
            name = path.relative_to(root).as_posix()
            try:
                check_inside(path, root, name)
                with warnings.catch_warnings(action="ignore"):
                    compile(read_bytes(path, LARGEST), name, "exec", dont_inherit=True)
            except InvalidFile as error:
                errors.append(error)
            except SyntaxError as error:
                # A file in an encoding that it doesn't name has no line.
                errors.append(InvalidFile(f"not Python: {error.msg}", file=name, line=error.lineno or 1))
            except ValueError as error:
                errors.append(InvalidFile(f"not Python: {error}", file=name, line=1))
            except (RecursionError, MemoryError):
                errors.append(InvalidFile("not Python: it's nested too deeply", file=name, line=1))
            except OSError as error:
                errors.append(InvalidFile(f"can't be read: {reason(error)}", file=name))
    return errors
