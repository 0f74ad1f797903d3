"""The smoke tests on disk: which there are, and whether Python can read them, before any host is touched."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

from cdconf.errors import InvalidFile


def smoke_files(root: Path, roles: Iterable[str]) -> list[Path]:
    """The test files of these roles."""
    return [path for role in roles for path in sorted((root / "roles" / role / "smoke").glob("test_*.py"))]


def smoke_errors(root: Path, roles: Iterable[str]) -> list[InvalidFile]:
    """What Python can't compile of these roles' tests and of what lies beside them, file by file."""
    errors = []
    for role in roles:
        for path in sorted((root / "roles" / role / "smoke").rglob("*.py")):
            name = path.relative_to(root).as_posix()
            try:
                with warnings.catch_warnings(action="ignore"):
                    compile(path.read_bytes(), name, "exec", dont_inherit=True)
            except SyntaxError as error:
                # A file in an encoding that it doesn't name has no line.
                errors.append(InvalidFile(f"not Python: {error.msg}", file=name, line=error.lineno or 1))
            except ValueError as error:
                errors.append(InvalidFile(f"not Python: {error}", file=name, line=1))
            except OSError as error:
                errors.append(InvalidFile(f"can't be read: {error.strerror}", file=name))
    return errors
