"""What another user of this machine can reach, and what has to be shown to it at its place."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from cdconf.isolation import kernel

_ENTER, _READ = stat.S_IXOTH, stat.S_IROTH


def python_paths() -> list[Path]:
    """The directories that this Python, cdconf and what they import consist of."""
    package = Path(__file__).parent.parent
    sites = [Path(one) for one in sys.path if one.endswith(("site-packages", "dist-packages"))]
    own = [Path(sys.base_prefix), Path(sys.prefix), Path(sys.executable).resolve().parent.parent, package]
    return [path for path in dict.fromkeys([*own, *sites]) if path.is_dir()]


def tools(path: str) -> list[Path]:
    """The directories of a `PATH`."""
    return [Path(one) for one in dict.fromkeys(path.split(os.pathsep)) if one.startswith("/") and Path(one).is_dir()]


def is_open(path: Path) -> bool:
    """Whether everybody can reach a directory and read what's in it."""
    return closed_above(path) is None and bool(path.stat().st_mode & _ENTER and path.stat().st_mode & _READ)


def closed_above(path: Path) -> Path | None:
    """The topmost directory above a path that others can't enter."""
    return next((parent for parent in reversed(path.parents) if not parent.stat().st_mode & _ENTER), None)


def unreadable(paths: Iterable[Path]) -> Path | None:
    """A directory that would be closed to others wherever it were shown; None when there's none."""
    return next((path for path in paths if path.stat().st_mode & (_ENTER | _READ) != _ENTER | _READ), None)


def hidden(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Directories that others can't enter -> what of the paths lies below, without what lies in one another."""
    found: dict[Path, list[Path]] = {}
    for path in sorted(set(paths)):
        above = closed_above(path)
        if above is not None and not any(path.is_relative_to(one) for one in found.get(above, [])):
            found.setdefault(above, []).append(path)
    return found


def show(closed: dict[Path, list[Path]], own: Path) -> None:
    """Empties closed directories but for some paths, for this thread and what it starts.

    What else lies in them can't be reached any more at all.

    Args:
        closed: See `hidden`.
        own: The path that stays as it is; the others can't be changed.

    Raises:
        OSError: The kernel refuses.
    """
    kernel.own_mounts()
    for above, paths in closed.items():
        kept = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in paths]
        try:
            kernel.mount_empty(str(above))
            for path, descriptor in kept:
                path.mkdir(parents=True)
                for one in [path, *path.parents]:
                    if one.is_relative_to(above) and one != above:
                        one.chmod(0o755)  # whatever the umask says
                mount = kernel.mount_again if path == own else kernel.mount_read_only
                mount(f"/proc/self/fd/{descriptor}", str(path))
        finally:
            for _, descriptor in kept:
                os.close(descriptor)
