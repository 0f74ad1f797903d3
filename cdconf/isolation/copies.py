"""Copies of the project for whoever can't read the operator's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LARGEST = 8 * 1024 * 1024  # bytes of a file: as much as a catalog takes


def copy(source: Path, target: Path, within: Path, *, dots: bool = True) -> None:
    """Copies files and directories. Links stay links; those that lead elsewhere are left out: one could lead to a key.

    Args:
        source: What's copied; what's larger than `LARGEST`, and what's no file, isn't.
        target: Where it isn't yet.
        within: What links may lead to: a directory.
        dots: Whether what has a dot before its name is copied, such as `.cdconf`.

    Raises:
        OSError: Something can't be read or written.
    """
    if source.is_symlink():
        to = source.readlink()
        if not to.is_absolute() and source.resolve().is_relative_to(within.resolve()):
            target.symlink_to(to)
    elif source.is_dir():
        target.mkdir()
        with os.scandir(source) as entries:
            for entry in entries:
                if entry.name != "__pycache__" and (dots or not entry.name.startswith(".")):
                    copy(source / entry.name, target / entry.name, within, dots=dots)
    elif source.is_file() and source.stat().st_size <= LARGEST:
        shutil.copyfile(source, target)
