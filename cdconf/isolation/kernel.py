"""What only the kernel can do, for the calling thread and for what it starts: see prctl(2), unshare(2), mount(2)."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_DUMPABLE = 4  # PR_SET_DUMPABLE
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18


def no_new_privileges() -> None:
    """No program that this thread starts gets more rights than it has: neither sudo nor anything else that's setuid.

    Raises:
        OSError: The kernel refuses.
    """
    _check(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def own_processes() -> None:
    """Gives a process that has changed its user what it would have of any other program: its own /proc/self."""
    _check(_libc().prctl(_DUMPABLE, 1, 0, 0, 0))


def own_mounts() -> None:
    """From here on, what this thread mounts is seen by it, and by what it starts, alone.

    Raises:
        OSError: The kernel refuses, as it does in most containers.
    """
    _check(_libc().unshare(_NEW_MOUNTS))
    _check(_libc().mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None))


def mount_empty(path: str) -> None:
    """An empty directory, which everybody may enter, in place of what's there. Raises OSError."""
    _check(_libc().mount(b"none", os.fsencode(path), b"tmpfs", _NO_SETUID | _NO_DEVICES, b"mode=0755,size=1m"))


def mount_again(source: str, path: str) -> None:
    """A directory at a second place. Raises OSError."""
    _check(_libc().mount(os.fsencode(source), os.fsencode(path), None, _BIND, None))


def mount_read_only(source: str, path: str) -> None:
    """A directory at a second place, where nothing of it can be changed. Raises OSError."""
    mount_again(source, path)
    _check(_libc().mount(b"none", os.fsencode(path), None, _REMOUNT | _BIND | _READ_ONLY | _NO_SETUID, None))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
