"""On this machine, one run at a time takes a commit through the pipeline, for as long as any of its processes lives.

`.cdconf/pipeline/COMMIT/lock` is locked by the run and, since they have inherited it, by the verbs that it has started:
a run that was killed isn't over until what it began has been ended in order.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf import file_lock
from cdconf.errors import CdconfError
from cdconf.own_files import opened_lock

if TYPE_CHECKING:
    from cdconf.inventory import Project

FOLDER, COPIES = "pipeline", "copies"


def folder_of(home: Project, commit: str) -> Path:
    """Where a run of a commit has its files."""
    return home.data / FOLDER / commit


@contextlib.contextmanager
def locked(home: Project, commit: str) -> Iterator[int | None]:
    """Locks a commit; gives the descriptor that has the lock, None where another process has it.

    What the run has left is removed at the end; what others that are dead have left, at the beginning.

    Raises:
        CdconfError: Nothing can be written there.
    """
    folder = folder_of(home, commit)
    try:
        descriptor = _lock(folder)
    except OSError as error:
        text = f"commit {commit[:10]} can't be held for a run: {error.filename or folder}: {error.strerror}"
        raise CdconfError(text) from error
    try:
        if descriptor is not None:
            _tidy(home, commit)
        yield descriptor
    finally:
        if descriptor is not None:
            _remove(folder)
            os.close(descriptor)


def is_held(home: Project, commit: str) -> bool:
    """Whether a run of the commit, or something that it has started, lives on this machine."""
    return file_lock.is_held(folder_of(home, commit) / "lock")


def _lock(folder: Path) -> int | None:
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = opened_lock(folder / "lock")
        except FileNotFoundError:  # whoever had it has just removed the directory
            continue
        if not file_lock.take(descriptor):
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _tidy(home: Project, own: str) -> None:
    for folder in (home.data / FOLDER).iterdir():
        if folder.name in (own, COPIES) or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):  # another user's, such as root's: this commit's run doesn't need it
            descriptor = _lock(folder)
            if descriptor is not None:
                try:
                    _remove(folder)
                finally:
                    os.close(descriptor)


def _remove(folder: Path) -> None:
    """The lock goes last: whoever has opened it meanwhile finds that it's gone, and makes one of its own."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != "lock":
            path.unlink(missing_ok=True)
    (folder / "lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else's by now
        folder.rmdir()
