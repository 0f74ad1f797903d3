"""What's done to one path: looked at, read, made, linked, removed."""

import errno
import os
import stat

from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import owners, trees
from cdconf.agent.files.attributes import drop_inherited, is_trusted, mode_after
from cdconf.agent.files.folder import READ, check_fresh, mount_of, temporary_name
from cdconf.agent.files.way import NOTHING, hold, on_roots_alone, parent


def lstat(path):
    """The status of what has the path itself; None when there's nothing.

    Raises:
        Failed: A link on the way isn't root's alone.
    """
    try:
        with parent(path) as (folder, name):
            return folder.lstat(name)
    except Missing:
        return None


def is_directory(path):
    """Whether there's a directory, no link to one."""
    status = lstat(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def need_directory(path):
    """Raises `Missing` when there's no such directory; links on the way are followed as the rule has it."""
    try:
        hold(path).close()
    except OSError as error:
        if error.errno in NOTHING:
            raise Missing("directory", path)
        raise


def need_roots_alone(path, what):
    """Raises `Failed` unless only root can change what's root's at a path; `what` is what is to be there."""
    if not on_roots_alone(path, sticky=True):
        text = "{} can't be at '{}': others than root can write to a directory on the way there"
        raise Failed(text.format(what, path))


def open_file(path, owner=None, follow=False):
    """A descriptor of a regular file, for reading, for the caller to close; None when there's nothing.

    Args:
        path: Absolute.
        owner: The user, or number as text, whose it's to be; None for no wish.
        follow: Also where a link that's root's alone leads.

    Raises:
        Failed: It's something else, may be another file, or a link on the way isn't root's alone.
    """
    try:
        with parent(path, follow) as (folder, name):
            return folder.open(name, owner)
    except Missing:
        return None


def read(path, owner=None, follow=False, limit=None):
    """A regular file's bytes, the first `limit` of them; None when there's nothing. See `open_file`."""
    descriptor = open_file(path, owner, follow)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read() if limit is None else stream.read(limit)


def names(path):
    """What's in a directory, sorted; nothing where there's none, or a link on the way isn't root's alone."""
    try:
        with hold(path) as folder:
            return folder.names()
    except (Failed, OSError):
        return []


def open_lock(path):
    """A descriptor of a file that's there to be locked, for the caller to close; it's made where it's missing."""
    with parent(path) as (folder, name):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(name, flags, 0o600, dir_fd=folder.descriptor)


def readlink(path):
    """A link's text; None when there's no link."""
    try:
        with parent(path) as (folder, name):
            return folder.readlink(name)
    except Missing:
        return None


def make_directories(path, mode=0o755):
    """The `Folder` of a directory, for the caller to close; it and those above it are made where they're missing."""
    try:
        return hold(path)
    except FileNotFoundError:
        pass
    above, name = os.path.split(path.rstrip("/"))
    with make_directories(above, mode) as folder:
        try:
            os.mkdir(name, mode, dir_fd=folder.descriptor)
        except FileExistsError:
            return folder.down(name)
        made = folder.down(name)
        drop_inherited(folder, made.descriptor)
        return made


def make_directory(path, mode=0o755):
    """Like `make_directories`, for callers that need no `Folder`."""
    make_directories(path, mode).close()


def new_directory(folder, name, fields):
    """Makes a directory in a `Folder`, for nobody else until it has its owner, group and mode (0755 by default).

    Raises:
        FileExistsError: Something has the name.
        Failed: Somebody has just put another directory in its place.
    """
    os.mkdir(name, 0o700, dir_fd=folder.descriptor)
    with folder.down(name) as made:
        check_fresh(made)
        uid = owners.ids(fields)[0]
        drop_inherited(folder, made.descriptor, uid)
        own = {} if is_trusted(folder.status(), uid) else {"group": str(os.getegid())}
        mode = owners.mode_text(owners.mode_bits(fields.get("mode", "0755"), stat.S_IFDIR | 0o755))
        set_open(folder, name, made.descriptor, dict(own, **dict(fields, mode=mode)))


def remove(path):
    """Removes what isn't a directory; whether there was something."""
    try:
        with parent(path) as (folder, name):
            if not folder.unlink(name):
                return False
            folder.sync()
            return True
    except Missing:
        return False


def remove_directory(path):
    """Removes an empty directory."""
    with parent(path) as (folder, name):
        os.rmdir(name, dir_fd=folder.descriptor)


def remove_tree(path):
    """Removes a directory with all that's in it; see `trees.remove`."""
    with parent(path) as (folder, name):
        trees.remove(folder, name)


def put_link(path, target, hard=False, fresh=None):
    """Puts a link in place in one step.

    Args:
        path: The link.
        target: Its text; of a hard link the file's path.
        hard: It's a hard link.
        fresh: The name under which it's made; a fixed one, so that a killed run leaves only one behind.

    Raises:
        Missing: The directory isn't there.
        Failed: The target is on another file system.
    """
    with parent(path) as (folder, name):
        if fresh is not None:
            folder.unlink(fresh)
        fresh = fresh or temporary_name()
        if hard:
            _link(folder, fresh, target)
        else:
            os.symlink(target, fresh, dir_fd=folder.descriptor)
        try:
            folder.rename(fresh, name)
        except OSError:
            folder.unlink(fresh)
            raise
        folder.sync()


def _link(folder, fresh, target):
    try:
        with parent(target) as (source, name):
            os.link(name, fresh, src_dir_fd=source.descriptor, dst_dir_fd=folder.descriptor, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise Failed("'{}' is on another file system, so it can't be a hard link".format(target))
    status = folder.lstat(fresh)
    if status is not None and not stat.S_ISREG(status.st_mode):
        folder.unlink(fresh)
        raise Failed("'{}' isn't a regular file, so it can't have a hard link".format(target))


def set_ownership(path, difference, owner=None, mode=None):
    """Sets those of owner, group and mode that differ, never through a link.

    Args:
        path: Of a file or directory.
        difference: `{name: (what's there, what's wanted)}`.
        owner: The owner's name that is wanted, where it doesn't differ.
        mode: The mode that is wanted, where it doesn't differ; without it a new owner gets no setuid or setgid file.

    Raises:
        Failed: It's a regular file with further names that isn't the wanted owner's; see `Folder.check_names`.
    """
    fields = {name: difference[name][1] for name in ("owner", "group", "mode") if name in difference}
    if mode is not None:
        fields["mode"] = mode
    with parent(path) as (folder, name):
        set_in(folder, name, fields, fields.get("owner", owner))


def set_in(folder, name, fields, owner=None, mount=None):
    """Gives an entry of a `Folder` those of owner, group and mode that are given; what's no file or directory no mode.

    Args:
        folder: The directory.
        name: The entry.
        fields: Those of `owner`, `group` and `mode` that change.
        owner: The owner's name that is wanted, None for no wish.
        mount: The mount that it must be in, see `Folder.mount`; None: any.

    Raises:
        Failed: It's a regular file with further names that isn't the wanted owner's, or it's mounted.
    """
    uid, gid = owners.ids(fields)
    status = folder.lstat(name)
    if status is not None and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        os.chown(name, uid, gid, dir_fd=folder.descriptor, follow_symlinks=False)
        return
    try:
        descriptor = os.open(name, READ, dir_fd=folder.descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, folder.place(name))
    try:
        set_open(folder, name, descriptor, fields, owner, mount)
    finally:
        os.close(descriptor)


def set_open(folder, name, descriptor, fields, owner=None, mount=None):
    """Like `set_in`, for an entry that is open already."""
    uid, gid = owners.ids(fields)
    old = os.fstat(descriptor)
    folder.check_names(name, old, owner)
    if stat.S_ISREG(old.st_mode):
        folder.check_not_mounted(name, descriptor)
    if mount is not None and mount_of(descriptor) != mount:
        raise Failed("'{}' is mounted there: it's left as it is".format(folder.place(name)))
    if uid != -1 or gid != -1:
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode_after(old, uid, gid))  # chown clears a directory's bits, and the same owner's, too
    if "mode" in fields:
        os.fchmod(descriptor, owners.mode_bits(fields["mode"], os.fstat(descriptor).st_mode))
