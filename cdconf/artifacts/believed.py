"""Files in the operator's home that say whom to believe: `trust` has one, and so have the signers of statements."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdconf.errors import ArtifactError

LARGEST = 4 * 1024 * 1024  # bytes
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def text_of(path: Path, what: str) -> str | None:
    """A file's text; None when it isn't there.

    Args:
        path: The file.
        what: What errors call it: "the trusted keys".

    Raises:
        ArtifactError: It can't be read, or others can write to it.
    """
    try:
        data, mode = content_of(path)
        text = data.decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"can't read {what}: {path}: {getattr(error, 'strerror', None) or error}") from error
    if mode & _WRITABLE_BY_OTHERS:
        raise ArtifactError(f"others can write to {what} {path}", hint=f"chmod go-w {path}")
    return text


def content_of(path: Path, largest: int = LARGEST) -> tuple[bytes, int]:
    """A regular file's bytes and mode: a pipe is never waited for, and what has no end isn't read to it.

    Args:
        path: The file.
        largest: How many bytes it may have.

    Raises:
        FileNotFoundError: It isn't there.
        OSError: It can't be read, isn't a file, or is larger.
    """
    data, status = _content(path, largest)
    return data, status.st_mode


def own_content(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a file that nobody but this user, or root, can have written; for the rest see `content_of`.

    Raises:
        PermissionError: Somebody else could.
    """
    data, status = _content(path, largest, os.O_NOFOLLOW)
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & _WRITABLE_BY_OTHERS or status.st_nlink != 1:
        raise PermissionError(errno.EPERM, "somebody else can have written it", str(path))
    return data


def _content(path: Path, largest: int, flags: int = 0) -> tuple[bytes, os.stat_result]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | flags)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it's a pipe or a device, not a file", str(path))
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest} bytes", str(path))
    return data, status


@contextmanager
def one_change(path: Path) -> Iterator[None]:
    """Makes the file's directory; others who want to change something in it wait until the block ends."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
