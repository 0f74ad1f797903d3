"""Files in the operator's home that say whom to believe: `trust` has one, and so have the signers of statements."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdconf.errors import ArtifactError
from cdconf.file_lock import held_folder
from cdconf.own_files import content_of, reason

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
        data, mode = content_of(path, LARGEST)
        text = data.decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"can't read {what}: {path}: {reason(error)}") from error
    if mode & _WRITABLE_BY_OTHERS:
        raise ArtifactError(f"others can write to {what} {path}", hint=f"chmod go-w {path}")
    return text


@contextmanager
def one_change(path: Path) -> Iterator[None]:
    """Makes the file's directory; others who want to change something in it wait until the block ends."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held_folder(path.parent):
        yield
