"""Files of the controller's that are replaced, or made, in one step: a reader never sees a part of one."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STANDARD = (Path("/dev/stdout"), Path("/dev/stderr"))


def write_private(path: Path, content: bytes | str, *, durable: bool = True) -> None:
    """Replaces a file that's for its owner alone (0600).

    A device or a named pipe is written to, and stays: root could replace /dev/null by a file.

    Args:
        path: The file; its directory is there.
        content: What it's to hold; text is written as UTF-8.
        durable: Whether it must survive a power cut.

    Raises:
        OSError: It can't be written.
    """
    _write(path, content, 0o600, durable=durable)


def write_public(path: Path, content: bytes | str) -> None:
    """Replaces a file that everybody may read (0644); for the rest see `write_private`."""
    _write(path, content, 0o644, durable=False)


def make_private(path: Path, content: bytes | str) -> bool:
    """Makes a file that's for its owner alone; false where there's something of this name, which stays as it is.

    For arguments and errors see `write_private`.
    """
    with _draft(path, content, 0o600, durable=True) as draft:
        try:
            os.link(draft, path)  # unlike a rename, it fails when the name is taken
        except FileExistsError:
            return False
        return True


def _write(path: Path, content: bytes | str, mode: int, *, durable: bool) -> None:
    if _is_stream(path):
        with path.open("wb") as stream:
            stream.write(_encoded(content))
        return
    with _draft(path, content, mode, durable=durable) as draft:
        draft.replace(path)


def _is_stream(path: Path) -> bool:
    """Whether it's a device, a pipe or a socket, or a name for an open file, such as /dev/stdout."""
    if path.absolute().is_relative_to("/dev/fd") or path in _STANDARD:
        return True
    try:
        status = path.stat()
    except OSError:
        return False
    # A pipe of somebody else's would get what's private.
    return status.st_uid in (0, os.geteuid()) and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))


def _encoded(content: bytes | str) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


@contextmanager
def _draft(path: Path, content: bytes | str, mode: int, *, durable: bool) -> Iterator[Path]:
    """The whole content under another name in the same directory; what's left of it in the end is removed."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(_encoded(content))
            stream.flush()
            os.fchmod(descriptor, mode)
            if durable:
                os.fsync(descriptor)
        yield Path(name)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)
