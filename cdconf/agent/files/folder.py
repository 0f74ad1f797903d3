"""A directory that's held open, and the way there: the one place of the agent that walks along a path.

See the package for the rule.
"""

import contextlib
import errno
import os
import stat

from cdconf.agent.base import Failed, Missing
from cdconf.agent.files.owners import owner_name, uid_of

STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
TEMPORARY_PREFIX = ".cdconf-"
LINKS = 40  # as many as the kernel follows on one way (path_resolution(7))
NOTHING = (errno.ENOENT, errno.ENOTDIR)


def is_root():
    """Whether the agent has anything to lose: as another user it can do no more than that user."""
    return os.geteuid() == 0


def is_regular(status):
    """Whether it's the status of a regular file."""
    return stat.S_ISREG(status.st_mode)


def is_roots_alone(status):
    """Whether only root can change a directory's entries; the bits of the group hold an ACL's mask, too (acl(5))."""
    return status.st_uid == 0 and not status.st_mode & 0o022


class Folder(object):
    """A directory that's held open: its entries are reached by their names in it, whatever becomes of its path.

    Args:
        descriptor: Of the directory, perhaps opened with O_PATH; it's closed with the folder.
        path: Where it was found, for messages.
    """

    def __init__(self, descriptor, path):
        self.descriptor = descriptor
        self.path = path
        self._mount = None

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def close(self):
        """Lets go of it; once more does nothing."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def place(self, name):
        """An entry's path, for messages."""
        return os.path.join(self.path, name)

    def status(self):
        """The directory's own fstat result."""
        return os.fstat(self.descriptor)

    def is_roots_alone(self):
        """See `is_roots_alone`; an agent that isn't root needn't be careful."""
        return not is_root() or is_roots_alone(self.status())

    def lstat(self, name):
        """An entry's own status; None when there's no such entry."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def readable(self):
        """A descriptor of the directory that can be listed and flushed, for the caller to close."""
        return os.open(".", READ | os.O_DIRECTORY, dir_fd=self.descriptor)

    def names(self):
        """What's in it, sorted."""
        descriptor = self.readable()
        try:
            return sorted(os.listdir(descriptor))
        finally:
            os.close(descriptor)

    def sync(self):
        """Makes new names survive a power cut."""
        descriptor = self.readable()
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def down(self, name):
        """The `Folder` of a directory in it; a link isn't followed.

        Raises:
            OSError: There's none; something else has the name.
        """
        return Folder(os.open(name, READ | os.O_DIRECTORY, dir_fd=self.descriptor), self.place(name))

    def readlink(self, name):
        """A link's text; None when there's no link."""
        try:
            return os.readlink(name, dir_fd=self.descriptor)
        except OSError:
            return None

    def unlink(self, name):
        """Removes an entry that isn't a directory; whether there was one."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
            return True
        except FileNotFoundError:
            return False

    def rename(self, name, new, to=None):
        """Moves an entry, here or into another folder, over whatever can be replaced there."""
        os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=(to or self).descriptor)

    def mount(self):
        """Which mount it's in, by its number; on kernels that don't tell it (before 3.15) by its device."""
        if self._mount is None:
            self._mount = mount_of(self.descriptor)
        return self._mount

    def check_mount(self, other):
        """Raises `Failed` when another folder isn't in the same mount."""
        if self.mount() != other.mount():
            raise Failed("'{}' is mounted there, so it's left as it is".format(self.path))

    def open(self, name, owner=None):
        """A descriptor of a regular file, for reading, for the caller to close; None when there's nothing.

        Args:
            name: The entry.
            owner: The user, or number as text, whose it's to be; None for no wish.

        Raises:
            Failed: It's something else, or has further names; see `check_names`.
        """
        try:
            descriptor = os.open(name, READ, dir_fd=self.descriptor)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
                raise Failed("'{}' is not a regular file".format(self.place(name)))
            raise OSError(error.errno, error.strerror, self.place(name))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Failed("'{}' is not a regular file".format(self.place(name)))
            self.check_names(name, status, owner)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def check_names(self, name, status, owner=None):
        """Refuses a regular file that somebody may have given this name to reach it under another one.

        Args:
            name: The entry, for messages.
            status: Its fstat result.
            owner: The user, or number as text, whose it's to be; None for no wish.

        Raises:
            Failed: It has several names, and isn't the wanted owner's; or it's root's, or nobody's wish, and others can
                write to the directory.
        """
        if status.st_nlink < 2 or not stat.S_ISREG(status.st_mode) or not is_root():
            return
        its = owner is not None and _is_uid(owner, status.st_uid)
        if (its and status.st_uid != 0) or ((its or owner is None) and self.is_roots_alone()):
            return
        raise Failed(
            "'{}' is {}'s and has {} names (hard links), so it may be another file: root neither reads nor changes it; "
            "remove it, or make it a copy".format(self.place(name), owner_name(status.st_uid), status.st_nlink)
        )


def _is_uid(owner, uid):
    try:
        return uid_of(owner) == uid
    except Missing:
        return False


def mount_of(descriptor):
    """Which mount a file is in; see `Folder.mount`."""
    try:
        with open("/proc/self/fdinfo/{}".format(descriptor)) as stream:
            for line in stream:
                if line.startswith("mnt_id:"):
                    return int(line[7:])
    except OSError:
        pass
    return "device {}".format(os.fstat(descriptor).st_dev)


def check_fresh(folder):
    """Raises `Failed` when a directory that was just made has been replaced by another one."""
    if is_root() and (folder.status().st_uid != 0 or folder.names()):
        raise Failed("'{}' was replaced while it was made".format(folder.path))


def hold(path):
    """The `Folder` of a path.

    Raises:
        FileNotFoundError, NotADirectoryError: There's no such directory.
        Failed: A link on the way isn't root's alone.
    """
    if not is_root():
        return Folder(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), path)
    try:
        descriptor = os.open(path, STEP)
    except OSError:
        return Folder(_walk(path, True, False)[0], path)
    # The kernel tells where it is: at this very path, so that no link was on the way. Else it's walked, by the rule.
    if _where(descriptor) == path:
        return Folder(descriptor, path)
    os.close(descriptor)
    return Folder(_walk(path, True, False)[0], path)


@contextlib.contextmanager
def parent(path, follow=False):
    """(`Folder`, name) of a path; the entry itself may be missing.

    Args:
        path: Absolute.
        follow: Go on where the entry is a link, and the rule allows it.

    Raises:
        Missing: The directory isn't there.
        Failed: A link on the way isn't root's alone.
    """
    above, name = os.path.split(path.rstrip("/"))
    try:
        folder = hold(above or "/")
    except OSError as error:
        if error.errno in NOTHING:
            raise Missing("directory", above)
        raise
    try:
        if follow and folder.readlink(name or ".") is not None:
            folder.close()
            folder, name = _followed(path)
        yield folder, name or "."
    finally:
        folder.close()


def _followed(path):
    if not is_root():
        above, name = os.path.split(os.path.realpath(path))
        return hold(above), name
    try:
        descriptor, name = _walk(path, False, True)
    except OSError as error:
        if error.errno in NOTHING:
            raise Missing("directory", os.path.dirname(os.path.realpath(path)))
        raise
    return Folder(descriptor, _where(descriptor)), name


def _where(descriptor):
    try:
        return os.readlink("/proc/self/fd/{}".format(descriptor))
    except OSError:
        return "?"


def _names(path):
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def on_roots_alone(path, sticky=False):
    """Whether only root can change what a path leads to: every directory on the way there is root's alone.

    With `sticky`, for what's root's itself and no link, root's directories with a sticky bit count as well: nobody else
    can rename or remove it there.
    """
    if not is_root():
        return True
    way = []
    try:
        os.close(_walk(path, False, False, way)[0])
    except OSError:
        return False
    return all(
        is_roots_alone(status) or (sticky and status.st_uid == 0 and status.st_mode & stat.S_ISVTX) for status in way
    )


def _walk(path, whole, follow, way=None):
    """Goes along a path by root's rule, one name after the other.

    Args:
        path: Absolute.
        whole: Go to its end, which is a directory; else to the directory that it's in.
        follow: Follow a link at the end.
        way: A list that gets the status of each directory on the way.

    Returns:
        A descriptor of the directory, and the name in it.
    """
    here, left, links = os.open("/", STEP), (["."] if whole else []) + _names(path), 0
    try:
        while True:
            name = left.pop() if left else "."
            if way is not None:
                way.append(os.fstat(here))
            if not left and not follow:
                return here, name
            text = _link(here, name, path)
            if text is None:
                if not left:
                    return here, name
                here = _on(here, name, path)
                continue
            links += 1
            if links > LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            left += _names(text)
            if text.startswith("/"):
                here = _on(here, "/", path)
    except BaseException:
        os.close(here)
        raise


def _on(here, name, path):
    """The next directory's descriptor, instead of the last one's."""
    try:
        below = os.open(name, STEP, dir_fd=here)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path)
    os.close(here)
    return below


def _link(here, name, path):
    """The text of a link that may be followed; None for what isn't a link."""
    try:
        status = os.stat(name, dir_fd=here, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISLNK(status.st_mode):
        return None
    if status.st_uid != 0 or not is_roots_alone(os.fstat(here)):
        whose = "is a link of {}".format(owner_name(status.st_uid))
        if status.st_uid == 0:
            whose = "is a link in a directory that others can write to"
        raise Failed(
            "'{}' {}, so root doesn't follow it; if that's meant, name the real path: '{}'".format(
                os.path.join(_where(here), name), whose, os.path.realpath(path)
            )
        )
    return os.readlink(name, dir_fd=here)


def temporary_name():
    """A name that nobody has."""
    return TEMPORARY_PREFIX + os.urandom(8).hex()


def copy_xattrs(source, target):
    """Gives one open file the attributes of another, those that it can have."""
    # ACLs are the xattr system.posix_acl_access; a file system without xattrs has none to keep.
    try:
        names = os.listxattr(source)
    except OSError:
        return
    for name in names:
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA):
                raise
