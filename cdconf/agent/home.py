"""Reads and replaces a file in a directory below a user's home, as root, without trusting the user.

Whoever owns a directory can put a link to any file of the host in place of what root is about to read or write.
So nothing below the home directory is reached by its path: each step opens the next entry relative to the last
descriptor, refuses links, and checks who owns what it got.
"""

import contextlib
import os
import pwd
import stat

from cdconf.agent import files
from cdconf.agent.base import Failed, Missing

LIMIT = 4 * 1024 * 1024


def account(name):
    """The user's entry of passwd; raises `Missing`."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise Missing("user", name)


@contextlib.contextmanager
def folder(entry, name, mode=None):
    """A descriptor of the directory `name` in a user's home; None when it isn't there.

    Args:
        entry: The user's passwd entry.
        name: The directory's name, such as `.ssh`.
        mode: Octal text: make it when it's missing, and give it this mode and the user as owner.

    Raises:
        Missing: There's no home directory.
        Failed: Something is a link, or somebody else's.
    """
    try:
        home = os.open(entry.pw_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing("directory", entry.pw_dir)
    opened = None
    try:
        _check_owner(os.fstat(home), entry, entry.pw_dir)
        if mode is not None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=home)
        opened = _open_folder(home, entry, name)
        if mode is not None:
            os.fchown(opened, entry.pw_uid, entry.pw_gid)
            os.fchmod(opened, int(mode, 8))
        yield opened
    finally:
        os.close(home)
        if opened is not None:
            os.close(opened)


def _open_folder(home, entry, name):
    path = os.path.join(entry.pw_dir, name)
    try:
        opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=home)
    except FileNotFoundError:
        return None
    except OSError:
        raise Failed("'{}' is a link, or no directory: it isn't followed into".format(path))
    try:
        _check_owner(os.fstat(opened), entry, path)
    except Failed:
        os.close(opened)
        raise
    return opened


def _check_owner(status, entry, path):
    if status.st_uid not in (entry.pw_uid, 0):
        owner = files.owner_name(status.st_uid)
        raise Failed("'{}' belongs to {}, neither to {} nor to root".format(path, owner, entry.pw_name))


def read(directory, entry, name):
    """(bytes, stat result) of a file in the directory, or (b"", None) when it isn't there.

    Raises:
        Failed: It's a link (a hard one too), somebody else's, or no regular file.
    """
    if directory is None:
        return b"", None
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return b"", None
    except OSError as error:
        raise Failed("'{}' of {} is a link, or can't be read: {}".format(name, entry.pw_name, error.strerror))
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise Failed("'{}' of {} isn't a plain file with one name".format(name, entry.pw_name))
        _check_owner(status, entry, name)
        data = stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise Failed("'{}' of {} has more than {} bytes".format(name, entry.pw_name, LIMIT))
    return data, status


def write(directory, entry, name, data, mode):
    """Replaces a file in the directory by one that is the user's, atomically."""
    temporary = "{}{}".format(files.TEMPORARY_PREFIX, os.urandom(8).hex())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchown(stream.fileno(), entry.pw_uid, entry.pw_gid)
            os.fchmod(stream.fileno(), int(mode, 8))
            os.fsync(stream.fileno())
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise
    os.fsync(directory)
