"""One run at a time, on this machine: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdconf.errors import ProviderError
from cdconf.events import Emit, Step
from cdconf.own_files import opened_lock, reason


@contextmanager
def held(path: Path, emit: Emit, waiting: str) -> Iterator[None]:
    """Holds the lock at `path`; says `waiting` when another process has it, and waits.

    Raises:
        ProviderError: The lock can't be made there.
    """
    descriptor = _opened(path)
    try:
        if not _take(descriptor):
            emit(Step(waiting))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held_if_free(path: Path) -> Iterator[bool]:
    """Holds the lock at `path` unless another process has it, and says whether it does.

    Raises:
        ProviderError: The lock can't be made there.
    """
    descriptor = _opened(path)
    try:
        yield _take(descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return opened_lock(path)
    except OSError as error:
        raise ProviderError(f"can't lock {path}: {reason(error)}", hint=f"move it away: {path}") from error


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
