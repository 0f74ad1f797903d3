"""A file that's there to be locked: one at a time, on this machine; the lock ends with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdconf.errors import ArtifactError
from cdconf.own_files import opened_lock, reason


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock, for which others wait.

    Args:
        path: The file, made where there's none.

    Raises:
        ArtifactError: Something else is in its place.
    """
    try:
        descriptor = opened_lock(path)
    except OSError as error:
        raise ArtifactError(f"can't lock {path}: {reason(error)}", hint=f"move it away: {path}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
