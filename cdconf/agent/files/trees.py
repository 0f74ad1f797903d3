"""Directories with all that's in them: gone through, removed, copied, moved. None of it crosses a mount."""

import contextlib
import errno
import os
import stat

from cdconf.agent.errors import Failed
from cdconf.agent.files.attributes import copy_xattrs, drop_inherited, mode_after
from cdconf.agent.files.folder import check_fresh, temporary_name

DEEP = 64  # levels after which directories to remove are first moved up, so that no depth takes all descriptors
ROUNDS = 10000
LIMIT = 500  # levels that are gone into
# Somebody has just put something else there, or the directory lets nobody in.
UNREACHABLE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENOTCONN)


def walk(folder, above="", skip=(), only=None):
    """Goes through all below a `Folder` that's in the same mount, directories before what's in them.

    Args:
        folder: Held while it's walked.
        above: Its path, relative to where the walk began.
        skip: Relative paths that are left out with all that's below.
        only: The relative paths of directories that are gone into; None: all.

    Yields:
        (relative path, lstat result, the `Folder` that it's in, its name there).
    """
    if above.count("/") > LIMIT:
        raise Failed("'{}' has directories in directories, more than {} deep".format(folder.path, LIMIT))
    inner = []
    device = folder.status().st_dev
    for name in folder.names():
        status = folder.lstat(name)
        if status is None:
            continue
        path = os.path.join(above, name)
        if path in skip:
            continue
        yield path, status, folder, name
        if stat.S_ISDIR(status.st_mode) and status.st_dev == device and (only is None or path in only):
            inner.append((path, name))
    for path, name in inner:
        below = _into(folder, name)
        if below is not None:
            with below:
                for one in walk(below, path, skip, only):
                    yield one


def _into(folder, name):
    """The `Folder` of a directory in one; None when it's in another mount, or can't be gone into."""
    try:
        below = folder.down(name)
    except OSError as error:
        if error.errno in UNREACHABLE:
            return None
        raise
    if below.mount() == folder.mount():
        return below
    below.close()
    return None


def remove(folder, name):
    """Removes an entry of a `Folder`, a directory with all that's in it.

    Raises:
        Failed: Something in it is mounted; what's left is as it was.
    """
    status = folder.lstat(name)
    if status is None:
        return
    if not stat.S_ISDIR(status.st_mode):
        folder.unlink(name)
        return
    with folder.down(name) as top:
        top.check_mount(folder)
        for _ in range(ROUNDS):
            if not _empty(top, top, 1):
                break
    os.rmdir(name, dir_fd=folder.descriptor)


def _empty(folder, top, depth):
    """Removes what's in a folder; whether something was moved up to the top, and is still to be removed."""
    moved = False
    for name in folder.names():
        status = folder.lstat(name)
        if status is None:
            continue
        if not stat.S_ISDIR(status.st_mode):
            folder.unlink(name)
            continue
        with folder.down(name) as below:
            below.check_mount(top)
            if depth < DEEP:
                moved = _empty(below, top, depth + 1) or moved
        if depth < DEEP:
            os.rmdir(name, dir_fd=folder.descriptor)
        else:
            folder.rename(name, temporary_name(), top)
            moved = True
    return moved


def copy(source, target, owner=-1, group=-1):
    """Copies what's in a `Folder` into another one, and the folder's own mode and times; links stay links.

    Args:
        source: The folder.
        target: An empty one that nobody else can write to yet.
        owner: The uid that all gets; -1: as it is. A file with several names must be this user's.
        group: The gid that all gets; -1: as it is.
    """
    for name in source.names():
        status = source.lstat(name)
        if status is None:
            continue
        uid, gid = status.st_uid if owner == -1 else owner, status.st_gid if group == -1 else group
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(name, 0o700, dir_fd=target.descriptor)
            with source.down(name) as inner, target.down(name) as made:
                copy(inner, made, owner, group)
        elif stat.S_ISREG(status.st_mode):
            _copy_file(source, target, name, (uid, gid))
        elif stat.S_ISLNK(status.st_mode):
            os.symlink(source.readlink(name), name, dir_fd=target.descriptor)
            os.chown(name, uid, gid, dir_fd=target.descriptor, follow_symlinks=False)
        elif stat.S_ISFIFO(status.st_mode):
            os.mkfifo(name, stat.S_IMODE(status.st_mode), dir_fd=target.descriptor)
            os.chown(name, uid, gid, dir_fd=target.descriptor, follow_symlinks=False)
    status = source.status()
    here = target.readable()
    try:
        _like(here, status, status.st_uid if owner == -1 else owner, status.st_gid if group == -1 else group)
    finally:
        os.close(here)


def _like(descriptor, status, uid, gid):
    os.fchown(descriptor, uid, gid)
    os.fchmod(descriptor, mode_after(status, uid, gid))
    os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))


def _copy_file(source, target, name, ids):
    descriptor = source.open(name, str(ids[0]))
    if descriptor is None:
        return
    with os.fdopen(descriptor, "rb") as old, create(target, name) as fresh:
        for block in iter(lambda: old.read(1024 * 1024), b""):
            fresh.write(block)
        fresh.flush()
        copy_xattrs(descriptor, fresh.fileno())
        _like(fresh.fileno(), os.fstat(descriptor), *ids)


def create(folder, name):
    """A stream to a file of a `Folder` that wasn't there before, for root alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(name, flags, 0o600, dir_fd=folder.descriptor), "r+b")


@contextlib.contextmanager
def work(folder):
    """A fresh directory in a `Folder`, for root alone; it's removed at the end with what's still in it."""
    name = temporary_name()
    os.mkdir(name, 0o700, dir_fd=folder.descriptor)
    try:
        with folder.down(name) as made:
            check_fresh(made)
            drop_inherited(folder, made.descriptor)
            yield made
    finally:
        with contextlib.suppress(OSError, Failed):
            remove(folder, name)


class Inside(object):
    """Paths below a `Folder`, none of which leads through a link; the directories of the last one stay open.

    Args:
        top: The folder; it's not closed.
    """

    def __init__(self, top):
        self.top = top
        self._way = []  # (name, `Folder`), from the top down

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self._back_to(0)

    def _back_to(self, count):
        while len(self._way) > count:
            self._way.pop()[1].close()

    def at(self, path, make=False):
        """(`Folder`, name) of a relative path; `make` makes directories on the way, and refuses mounted ones."""
        names = path.split("/")
        last = names.pop()
        same = 0
        while same < min(len(names), len(self._way)) and self._way[same][0] == names[same]:
            same += 1
        self._back_to(same)
        for name in names[same:]:
            folder = self._way[-1][1] if self._way else self.top
            if make and folder.lstat(name) is None:
                os.mkdir(name, 0o755, dir_fd=folder.descriptor)
            below = folder.down(name)
            self._way.append((name, below))
            if make:
                below.check_mount(folder)
        return (self._way[-1][1] if self._way else self.top), last

    def directory(self, path):
        """The `Folder` of a directory, made where it's missing; it's open until the next call."""
        return self.at(path + "/.", make=True)[0]


def move(folder, name, to, new):
    """Moves a directory to where nothing is; to another file system by copying, which is removed if it can't end.

    Args:
        folder: The `Folder` that it's in.
        name: Its name.
        to: The `Folder` that it moves to.
        new: Its name there.
    """
    try:
        folder.rename(name, new, to)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    os.mkdir(new, 0o700, dir_fd=to.descriptor)
    try:
        with folder.down(name) as source, to.down(new) as target:
            copy(source, target)
    except BaseException:
        with contextlib.suppress(OSError, Failed):
            remove(to, new)
        raise
    remove(folder, name)
