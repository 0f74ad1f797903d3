"""Files of the project that go into catalogs, and how large they may be."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cdconf.errors import InvalidFile
from cdconf.inside import leads_outside
from cdconf.yamlfile import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cdconf.catalog.model import Resource

FILE_LIMIT = 8 * 1024 * 1024
# Of the 64 MiB that a frame holds, as JSON.
CATALOG_LIMIT = 48 * 1024 * 1024
_HINT = "what's larger belongs on a server, for `download` or `archive`, or into an artifact"


_Error = Callable[[str, str | None], InvalidFile]


def read_file(name: str, folders: Mapping[str, Path], root: Path, error: _Error) -> bytes:
    """The bytes of a file in the first folder that has it.

    Args:
        name: Relative to the folder.
        folders: Shown name -> folder.
        root: The project.
        error: Makes an error of a message and a hint.

    Raises:
        InvalidFile: There's none in the project, or it's too large for a catalog.
    """
    path = _find(name, folders, root, error)
    if path is None or not path.is_file():
        kind = "is a directory" if path is not None and path.is_dir() else "isn't a file"
        what = f"'{name}' {kind}" if path is not None else f"there is no file '{name}'"
        raise error(what, f"it's looked for in {' and '.join(folders)}")
    return _read(path, name, error)


def read_tree(name: str, folders: Mapping[str, Path], root: Path, error: _Error) -> dict[str, tuple[bytes, bool]]:
    """Every file below a directory: path -> (bytes, whether it's executable). Raises like `read_file`."""
    top = _find(name, folders, root, error)
    if top is None or not top.is_dir():
        what = f"'{name}' isn't a directory" if top is not None else f"there is no directory '{name}'"
        raise error(what, f"it's looked for in {' and '.join(folders)}")
    tree = {}
    for path in sorted(top.rglob("*")):
        relative = path.relative_to(top).as_posix()
        if path.is_symlink():
            raise error(f"'{name}/{relative}' is a link, which isn't copied", "`link` makes links")
        if not path.is_dir() and not path.is_file():
            raise error(f"'{name}/{relative}' is neither a file nor a directory", None)
        if path.is_file():
            tree[relative] = (_read(path, f"{name}/{relative}", error), os.access(path, os.X_OK))
    return tree


def _find(name: str, folders: Mapping[str, Path], root: Path, error: _Error) -> Path | None:
    name = str.__str__(name)  # pathlib takes no secret
    for folder in folders.values():
        path = folder / name
        try:
            found = ".." not in path.parts and not name.startswith("/") and path.exists()
        except OSError as problem:
            raise error(f"{shown(name)} can't be read: {problem.strerror}", None) from None
        if found:
            reason = leads_outside(path, root)
            if reason is not None:
                raise error(f"'{name}' can't be read: {reason}", "put the file itself there")
            return path
    return None


def _read(path: Path, name: str, error: _Error) -> bytes:
    try:
        size = path.stat().st_size
        if size > FILE_LIMIT:
            raise error(f"'{name}' has {_mib(size)}; a source may have {_mib(FILE_LIMIT)}", _HINT)
        return path.read_bytes()
    except OSError as problem:
        raise error(f"'{name}' can't be read: {problem.strerror}", None) from problem


def check_size(resources: Iterable[Resource]) -> None:
    """Raises `InvalidFile` when the files of one host are more than a catalog can hold."""
    sizes = sorted(((_size(resource.fields), resource.source) for resource in resources), reverse=True)
    total = sum(size for size, _ in sizes)
    if total > CATALOG_LIMIT:
        file, _, line = sizes[0][1].rpartition(":")
        message = f"the host's files take {_mib(total)} together, and {_mib(CATALOG_LIMIT)} at most can be sent"
        hint = f"this one is the largest, with {_mib(sizes[0][0])}; {_HINT}"
        raise InvalidFile(message, file=file, line=int(line), hint=hint)


def _size(value: Any) -> int:
    """About how many bytes of JSON a value takes: bytes are base64, and what isn't ASCII is escaped."""
    if isinstance(value, bytes):
        return len(value) * 4 // 3
    if isinstance(value, str):
        return len(value) if value.isascii() else 3 * len(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, dict):
        return sum(_size(member) for member in value.values())
    return sum(_size(member) for member in value) if isinstance(value, (list, tuple)) else 0


def _mib(size: int) -> str:
    return f"{size / 1024**2:.1f} MiB"
