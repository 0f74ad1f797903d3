"""System calls that Python doesn't have."""

import ctypes
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.files.folder import Folder

RENAME_EXCHANGE = 2
SYNC_FILE_RANGE_WRITE = 2


def sync_file_system(folder: "Folder") -> "None":
    """Flushes the file system that holds a `Folder`: one syncfs(2) instead of an fsync for each file."""
    descriptor = folder.readable()
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "syncfs"):
            os.sync()
        elif libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs failed")
    finally:
        os.close(descriptor)


def begin_writing(descriptor: "int") -> "None":
    """Has the kernel begin to write a file to the disk, without waiting: sync_file_range(2), where there is one."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "sync_file_range"):
        libc.sync_file_range(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), SYNC_FILE_RANGE_WRITE)


def exchange(one: "tuple[Folder, str]", other: "tuple[Folder, str]") -> "bool":
    """Swaps what two names of one file system stand for, in one step: renameat2(2) with RENAME_EXCHANGE.

    Args:
        one: A `Folder` and a name in it.
        other: The same.

    Returns:
        False where the C library, the kernel or the file system can't; nothing has changed then.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):  # glibc before 2.28
        return False
    places = [part for folder, name in (one, other) for part in (folder.descriptor, os.fsencode(name))]
    if libc.renameat2(*(places + [RENAME_EXCHANGE])) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number), one[0].place(one[1]))


def use_files_as(uid: "int") -> "None":
    """Has this thread use files, and look at processes, as another user: setfsuid(2).

    Unlike setuid(2) it keeps the capabilities that aren't about files.
    """
    ctypes.CDLL(None).setfsuid(ctypes.c_uint(uid))
