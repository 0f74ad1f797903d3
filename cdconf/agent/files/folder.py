"""A directory that's held open, and what's in it by its name.

See the package for the rule.
"""

import contextlib
import errno
import os
import stat

from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files.owners import owner_name, uid_of

STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
TEMPORARY_PREFIX = ".cdconf-"


def is_root():
    """Whether the agent has anything to lose: as another user it can do no more than that user."""
    return os.geteuid() == 0


def is_regular(status):
    """Whether it's the status of a regular file."""
    return stat.S_ISREG(status.st_mode)


def is_roots_alone(status):
    """Whether only root can change a directory's entries; the bits of the group hold an ACL's mask, too (acl(5))."""
    return status.st_uid == 0 and not status.st_mode & 0o022


def is_kept(status, below):
    """Whether only root can put another directory in the place of one in it; in a sticky one that's so for root's own.

    Args:
        status: The directory's.
        below: The status of the one in it; None: of any.
    """
    if is_roots_alone(status):
        return True
    is_sticky = status.st_uid == 0 and status.st_mode & stat.S_ISVTX
    return below is not None and is_sticky and below.st_uid == 0 and below.st_dev == status.st_dev


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

    def is_out_of_reach(self):
        """Whether nobody but root can have moved it, or anything in it: so are all directories on the way up."""
        here, below = os.dup(self.descriptor), None
        try:
            while is_root():
                status = os.fstat(here)
                if not is_kept(status, below):
                    return False
                if below is not None and os.path.samestat(status, below):
                    break
                here, below = step(here, "..", self.path), status
            return True
        finally:
            os.close(here)

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

    def check_not_mounted(self, name, descriptor):
        """Refuses an open file that is mounted on its name, unless nobody else can have moved it there."""
        if is_root() and mount_of(descriptor) != self.mount() and not self.is_out_of_reach():
            text = "'{}' is mounted there, below a directory that others can write to, so root doesn't touch it"
            raise Failed(text.format(self.place(name)))

    def check_mounts(self):
        """Raises `Failed` when it's in a mount that others than root can have moved to where it is.

        What's mounted in a user's directory may be that user's own, who can write there without root.
        """
        with contextlib.ExitStack() as held:
            here = self
            while not here.is_out_of_reach():
                way = os.open("..", READ | os.O_DIRECTORY, dir_fd=here.descriptor)
                above = held.enter_context(Folder(way, os.path.dirname(here.path)))
                status, user = above.status(), here.status().st_uid
                if os.path.samestat(status, here.status()):
                    break
                is_own = user == status.st_uid != 0
                if not is_own and here.mount() != above.mount() and not above.is_out_of_reach():
                    text = "'{}' is mounted there, in a directory that others can write to, so root doesn't use it"
                    raise Failed(text.format(here.path))
                here = above

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
            if error.errno in (errno.ELOOP, errno.ENXIO):
                kind = "link" if error.errno == errno.ELOOP else "socket"
                raise Failed("'{}' is a {}, not a regular file".format(self.place(name), kind))
            raise OSError(error.errno, error.strerror, self.place(name))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Failed("'{}' is not a regular file".format(self.place(name)))
            self.check_names(name, status, owner)
            self.check_not_mounted(name, descriptor)
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
        info = os.open("/proc/self/fdinfo/{}".format(descriptor), os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(info, 4096)
        finally:
            os.close(info)
        return int(text.split(b"mnt_id:")[1].split()[0])  # texts: bytes
    except (OSError, IndexError):
        pass
    return "device {}".format(os.fstat(descriptor).st_dev)


def check_fresh(folder):
    """Raises `Failed` when a directory that was just made has been replaced by another one."""
    if is_root() and (folder.status().st_uid != 0 or folder.names()):
        raise Failed("'{}' was replaced while it was made".format(folder.path))


def step(here, name, path):
    """The next directory's descriptor, instead of the last one's."""
    try:
        below = os.open(name, STEP, dir_fd=here)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path)
    os.close(here)
    return below


def temporary_name():
    """A name that nobody has."""
    return TEMPORARY_PREFIX + os.urandom(8).hex()
