"""Private directories for a while. What a killed process has left of them is removed by the next one that needs some.

Each is locked while its process lives, whoever has started that one: the kernel gives the lock back when it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  never on a disk, where the machine has it
_PREFIX = "cdconf-tmp-"
_YOUNG = 10.0  # seconds in which a directory may not have its lock yet


@contextlib.contextmanager
def scratch(kind: str, where: Path | None = None) -> Iterator[Path]:
    """A directory for this user alone (0700); removed at the end, or when its process was killed, by a later one.

    Args:
        kind: What it's for, in its name.
        where: Where it's made; by default where the system has its temporary files.

    Raises:
        OSError: It can't be made.
    """
    for place in {where or Path(tempfile.gettempdir()), Path(tempfile.gettempdir()), MEMORY}:
        sweep(place)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{kind}-", dir=where, ignore_cleanup_errors=True) as folder:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(folder)
        finally:
            os.close(descriptor)


def keep(folder: Path) -> Path:
    """Gives a directory a name under which nobody removes it; returns it."""
    kept = folder.with_name("cdconf-" + folder.name.removeprefix(_PREFIX))
    return folder.rename(kept)


def sweep(place: Path) -> None:
    """Removes this user's directories whose processes are dead."""
    try:
        with os.scandir(place) as entries:
            found = [Path(entry.path) for entry in entries if entry.name.startswith(_PREFIX)]
    except OSError:
        return
    for path in found:
        with contextlib.suppress(OSError):  # somebody else has been quicker, or has it
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                status = os.fstat(descriptor)
                if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o066:
                    continue
                if time.time() - status.st_ctime < _YOUNG:
                    continue
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)
