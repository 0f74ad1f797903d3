"""Reading what the kernel and the distribution say about a host: missing files read as empty."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def text(root: "str", path: "str", limit: "int" = 1024 * 1024) -> "str":
    """The first `limit` bytes of a file below `root` as text, stripped; empty when it can't be read."""
    try:
        with open(os.path.join(root, path), "rb") as stream:
            return stream.read(limit).decode("utf-8", "replace").strip("\0 \t\r\n")
    except OSError:
        return ""


def number(root: "str", path: "str") -> "int | None":
    """The whole number that a file holds, None when it holds none."""
    try:
        return int(text(root, path, 64))
    except ValueError:
        return None


def names(root: "str", path: "str") -> "list[str]":
    """What a directory holds, sorted; nothing when it can't be read."""
    try:
        return sorted(os.listdir(os.path.join(root, path)))
    except OSError:
        return []


def exists(root: "str", path: "str") -> "bool":
    """Whether there is such a path; a link without target counts, too."""
    return os.path.lexists(os.path.join(root, path))


def first(root: "str", candidates: "Iterable[tuple[str, str]]") -> "str | None":
    """The name of the first `(name, path)` whose path exists, or None."""
    for name, path in candidates:
        if exists(root, path):
            return name
    return None
