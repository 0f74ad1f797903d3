"""Reads and replaces a file in a directory below a user's home, as root, without trusting the user.

The home directory is reached as `cdconf.agent.files` has it; below it no link is followed, and each step checks who
owns what it got.
"""

import contextlib
import os
import pwd

from cdconf.agent import files
from cdconf.agent.errors import Failed, Missing

LIMIT = 4 * 1024 * 1024


def account(name):
    """The user's entry of passwd; raises `Missing`."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise Missing("user", name)


@contextlib.contextmanager
def folder(entry, name, mode=None):
    """The `Folder` of the directory `name` in a user's home; None when it isn't there.

    Args:
        entry: The user's passwd entry.
        name: The directory's name, such as `.ssh`.
        mode: Octal text: make it when it's missing, and give it this mode and the user as owner.

    Raises:
        Missing: There's no home directory.
        Failed: Something is a link, or somebody else's.
    """
    with files.parent(os.path.join(entry.pw_dir, name)) as (home, _):
        _check_owner(home.status(), entry, entry.pw_dir)
        if mode is not None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=home.descriptor)
        if home.lstat(name) is None:
            yield None
            return
        try:
            opened = home.down(name)
        except OSError:
            raise Failed("'{}' is a link, or no directory: it isn't followed into".format(home.place(name)))
        with opened:
            _check_owner(opened.status(), entry, opened.path)
            if mode is not None:
                opened.check_mounts()
            if mode is not None:
                os.fchown(opened.descriptor, entry.pw_uid, entry.pw_gid)
                os.fchmod(opened.descriptor, int(mode, 8))
            yield opened


def _check_owner(status, entry, path):
    if status.st_uid not in (entry.pw_uid, 0):
        owner = files.owner_name(status.st_uid)
        error = Failed("'{}' belongs to {}, neither to {} nor to root".format(path, owner, entry.pw_name))
        if owner == str(status.st_uid):
            text = "; `create_home: true` of the user gives it what a removed user has left"
            error, message = Missing("directory of its own", path), error.message + text
            error.message = message
        raise error


def read(directory, entry, name):
    """(bytes, stat result) of a file in the directory, or (b"", None) when it isn't there.

    Raises:
        Failed: It's a link (a hard one too), somebody else's, or no regular file.
    """
    if directory is None:
        return b"", None
    try:
        descriptor = directory.open(name, entry.pw_name)
    except OSError as error:
        raise Failed("'{}' of {} can't be read: {}".format(name, entry.pw_name, error.strerror))
    if descriptor is None:
        return b"", None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if status.st_nlink != 1:
            raise Failed("'{}' of {} isn't a plain file with one name".format(name, entry.pw_name))
        _check_owner(status, entry, name)
        data = stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise Failed("'{}' of {} has more than {} bytes".format(name, entry.pw_name, LIMIT))
    return data, status


def write(directory, entry, name, data, mode):
    """Replaces a file in the directory by one that is the user's, atomically."""
    fields = {"owner": str(entry.pw_uid), "group": str(entry.pw_gid), "mode": mode}
    with files.replacing_in(directory, name, fields) as stream:
        stream.write(data)
