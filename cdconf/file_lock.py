"""Locks on files of this machine: one process at a time. A lock ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cdconf.errors import CdconfError
from cdconf.own_files import opened_lock, opened_to_look, reason


def take(descriptor: int) -> bool:
    """Takes the lock of an open file unless another process has it; says whether it did."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def held(path: Path, refused: type[CdconfError], waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds a lock until the block ends; where another process has it, waits.

    Args:
        path: The file, made with its directory where there's none.
        refused: The error of a file that can't be locked.
        waiting: Called before it waits.

    Raises:
        CdconfError: `refused`: something else is in the file's place, or nothing can be written there.
    """
    descriptor = _opened(path, refused)
    try:
        if not take(descriptor):
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held_if_free(path: Path, refused: type[CdconfError] | None = None) -> Iterator[bool]:
    """Holds a lock unless another process has it, and says whether it does; nobody waits.

    For arguments and errors see `held`; without `refused` the error is an `OSError`, and the directory must be there.
    """
    descriptor = opened_lock(path) if refused is None else _opened(path, refused)
    try:
        yield take(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Holds a directory's lock until the block ends; others who want it wait."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds a lock now; nothing is waited for, or made."""
    try:
        descriptor = opened_to_look(path)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _opened(path: Path, refused: type[CdconfError]) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return opened_lock(path)
    except OSError as error:
        raise refused(f"can't lock {path}: {reason(error)}", hint=f"move it away: {path}") from error
