"""The files that smoke tests consist of: those in the roles' smoke/, and what these import of the project.

pytest runs in the project's directory, so that every module below it can be imported. What lies beside cdconf.yml
counts in any case: it may stand in for a module that pytest itself imports. From there and from the tests on, names are
read from the syntax tree, those in texts too (`pytest_plugins`, `importlib.import_module`); what's put together at run
time isn't seen.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.promotion.commit import CommitReader, TreeEntry

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_LONGEST = 200  # characters of a module's name


def imported(commit: CommitReader, roles: Iterable[str]) -> dict[str, TreeEntry]:
    """Path -> entry of each file that the roles' smoke tests consist of.

    Args:
        commit: Where the files are.
        roles: The roles whose tests are run.
    """
    found: dict[str, TreeEntry] = {}
    for role in roles:
        found |= dict(commit.below(f"roles/{role}/smoke"))
        for path in ("conftest.py", "roles/conftest.py", f"roles/{role}/conftest.py"):
            found |= dict(commit.below(path))
    for path in _importable(commit):
        found |= dict(commit.below(path))
    waiting = [path for path in found if path.endswith(".py")]
    while waiting:
        texts = commit.texts([found[path] for path in waiting])
        asked = {module for path, text in zip(waiting, texts, strict=True) for module in _modules(path, text)}
        fresh = {path: entry for one in asked for path, entry in _files_of(commit, one) if path not in found}
        found |= fresh
        waiting = list(fresh)
    return found


def _importable(commit: CommitReader) -> Iterator[str]:
    """What lies beside cdconf.yml and can be imported: pytest and its plugins may do so, when it has the right name."""
    for name in commit.members("."):
        if name.endswith((".py", ".pyc", ".so")):
            yield name
        elif "." not in name and commit.find(f"{name}/__init__.py") is not None:
            yield f"{name}/__init__.py"


def _files_of(commit: CommitReader, module: str) -> Iterator[tuple[str, TreeEntry]]:
    """The files of a module, and of the packages around it; its name has slashes."""
    parts = module.split("/")
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        entry = commit.find(path)
        if entry is not None and entry.is_tree:
            candidate, entry = f"{path}/__init__.py", commit.find(f"{path}/__init__.py")
        else:
            candidate, entry = f"{path}.py", commit.find(f"{path}.py")
        if entry is not None and not entry.is_tree:
            yield candidate, entry


def _modules(path: str, text: bytes) -> set[str]:
    """The modules that a file may import, with slashes, relative to the project."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return set()  # it can't be collected either
    names: set[str] = set()
    for one in ast.walk(tree):
        if isinstance(one, ast.Import):
            names |= {alias.name.replace(".", "/") for alias in one.names}
        elif isinstance(one, ast.ImportFrom):
            names |= _imported_from(path, one)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and len(one.value) <= _LONGEST:
            names |= {one.value.replace(".", "/")} if _MODULE.fullmatch(one.value) else set()
    return {name for name in names if name and not name.startswith("..")}


def _imported_from(path: str, statement: ast.ImportFrom) -> set[str]:
    base = statement.module.replace(".", "/") if statement.module else ""
    if statement.level:
        above = [".."] * (statement.level - 1)
        base = posixpath.normpath("/".join([posixpath.dirname(path) or ".", *above, base]))
    members = {posixpath.normpath(f"{base}/{alias.name}") for alias in statement.names if alias.name != "*"}
    return members | {base}
