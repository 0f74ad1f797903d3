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

    Args:
        path: The file; its directory is there.
        content: What it's to hold; text is written as UTF-8.
        durable: Whether it must survive a power cut.

    Raises:
        OSError: It can't be written.
    """
    with _draft(path, content, 0o600, durable=durable) as draft:
        draft.replace(path)


def write_public(path: Path, content: bytes | str) -> None:
    """Replaces a file that everybody may read (0644); for the rest see `write_private`."""
    with _draft(path, content, 0o644, durable=False) as draft:
        draft.replace(path)


def write_output(path: Path, content: bytes | str, *, private: bool) -> None:
    """Writes a file that somebody names on the command line: in one step, or to the device or pipe that it is.

    Such a one stays: root could replace /dev/null by a file.

    Args:
        path: The file; its directory is there.
        content: What it's to hold; text is written as UTF-8.
        private: Whether a file is for its owner alone (0600), and survives a power cut, or for everybody (0644).

    Raises:
        OSError: It can't be written.
    """
    if _is_stream(path):
        with path.open("wb") as stream:
            stream.write(_encoded(content))
    elif private:
        write_private(path, content)
    else:
        write_public(path, content)


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
