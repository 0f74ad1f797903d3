"""Waiting for a lock that another program holds, and saying which one that is (fcntl(2), F_GETLK)."""

import fcntl
import os
import struct
import time

from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FLOCK = "hhqqi0q"  # struct flock: type, whence, start, length, pid; 0q pads it to its alignment


def holder(path: "str") -> "int | None":
    """The pid that holds a POSIX lock on a file: None when nobody does, 0 for one in another pid namespace."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return None if answer[0] == fcntl.F_UNLCK else max(0, answer[4])


def describe(pid: "int") -> "str":
    """A process for people: its program and number."""
    if not pid:
        return "another process"
    try:
        with open("/proc/{}/cmdline".format(pid), "rb") as stream:
            words = stream.read().decode("utf-8", "replace").split("\0")
    except OSError:
        words = []
    names = [os.path.basename(word) for word in words[:2] if word and not word.startswith("-")]
    return "{} (process {})".format(" ".join(names) or "a process", pid)


def wait(paths: "Iterable[str]", seconds: "float") -> "None":
    """Waits until nobody holds a POSIX lock on any of the files.

    Raises:
        Failed: One is still held after that time; says by whom.
    """
    _wait(paths, holder, seconds)


def wait_for_pids(paths: "Iterable[str]", seconds: "float") -> "None":
    """Waits until none of the files holds the number of a process that lives, as dnf's `*_lock.pid` do.

    Raises:
        Failed: One still does after that time.
    """
    _wait(paths, _alive, seconds)


def _alive(path: "str") -> "int | None":
    try:
        with open(path, newline="\n") as stream:
            pid = int(stream.read() or "0")
    except (OSError, ValueError):
        return None
    return pid if pid and os.path.exists("/proc/{}".format(pid)) else None


def _wait(paths: "Iterable[str]", who: "Callable[[str], int | None]", seconds: "float") -> "None":
    deadline = time.monotonic() + seconds
    while True:
        held = [(path, pid) for path, pid in ((path, who(path)) for path in paths) if pid is not None]
        if not held:
            return
        if time.monotonic() > deadline:
            path, pid = held[0]
            raise Failed("{} has held {} for more than {:g} s".format(describe(pid), path, seconds))
        time.sleep(0.5)
