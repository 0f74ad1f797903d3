"""The project as smoke tests see it that run as another user: a copy of what they may need, and of nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Besides these: Python files and packages beside cdconf.yml, which tests may import.
_COPIED = ("cdconf.yml", "roles", "templates", "files", "resources")
_LARGEST = 8 * 1024 * 1024  # bytes of a file: as much as a catalog takes


def copy_checkout(root: Path, target: Path) -> None:
    """Copies it; links stay links, since one could lead to a key.

    Args:
        root: The project.
        target: A directory that is made.

    Raises:
        OSError: Something can't be read or written.
    """
    target.mkdir()
    with os.scandir(root) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            package = entry.is_dir() and (root / entry.name / "__init__.py").is_file()
            if entry.name in _COPIED or entry.name.endswith(".py") or package:
                _copy(entry, target / entry.name)


def _copy(entry: os.DirEntry[str], target: Path) -> None:
    if entry.is_symlink():
        target.symlink_to(Path(entry.path).readlink())
    elif entry.is_dir():
        target.mkdir()
        with os.scandir(entry.path) as entries:
            for one in entries:
                if one.name != "__pycache__":
                    _copy(one, target / one.name)
    elif entry.is_file() and entry.stat().st_size <= _LARGEST:
        shutil.copyfile(entry.path, target)
