"""The one way to files whose directories somebody else can write to.

Whoever can write to a directory can put anything under a name in it, at any moment: a link to /etc, another name of
/etc/shadow, a pipe. An agent that's root mustn't be led there. So no other module of the agent opens, changes, renames
or removes anything by its path (a test looks for it), and here:

- A path is walked from the root, each step relative to the directory that's held open (`Folder`). Or it's opened as a
  whole, and the kernel says of the open directory that it's at that very path, so that there was no link on the way.
- A link, on the way or at the end, is followed only when it's root's and in a directory that only root can write to:
  /var/run, /srv -> /data; and only until the way leads through a directory that others can write to. Any other one
  is refused by its name, with the real path as a hint.
- Files and directories are opened (O_NOFOLLOW, O_NONBLOCK) before their owner, mode and attributes are changed, all by
  descriptor; what's neither gets its owner by its name in a held directory, never through a link.
- A temporary file is written by the descriptor that made it. Names are changed in held directories.
- A regular file with several names that isn't the wanted owner's is neither read nor changed.
- What's not root's or the wanted owner's gives no ACLs, group, setuid bits or wide modes to what is.
- Nothing that goes through a tree goes into another mount; a mounted file is refused where others can have moved it.

An agent that isn't root follows links as the kernel does: it can't do more than its user.

What still gets a path, and why that does no harm:

- Programs of the system about directories and files that are root's alone: package managers, `systemctl`, `nft`,
  `locale-gen`, `swapon`, `mount` (see `mount` and `swap` for other directories).
- `useradd` makes a home only where its directory is root's alone; `usermod` changes the owner of files in a home that
  are the user's already; `userdel` removes no files, the agent does.
- `git` runs as the owner of the working tree.
- `openssl` reads and writes pipes. Validations get a copy in a directory of root's own in /run.
- Commands, health checks and migrations are the project's own, as is their `cwd`.
- /proc and /sys are the kernel's.
"""

import contextlib
import errno
import os
import stat

from cdconf.agent.errors import Failed
from cdconf.agent.files import owners
from cdconf.agent.files.attributes import copy_xattrs, drop_inherited, is_trusted, mode_after
from cdconf.agent.files.folder import (
    READ,
    TEMPORARY_PREFIX,
    Folder,
    is_regular,
    is_root,
    is_roots_alone,
    mount_of,
    temporary_name,
)
from cdconf.agent.files.owners import (
    check_owners,
    gid_of,
    group_name,
    ids,
    mode_bits,
    mode_text,
    owner_name,
    ownership,
    primary_group,
    uid_of,
)
from cdconf.agent.files.paths import (
    is_directory,
    lstat,
    make_directories,
    make_directory,
    names,
    need_directory,
    need_roots_alone,
    new_directory,
    open_file,
    open_lock,
    put_link,
    read,
    readlink,
    remove,
    remove_directory,
    remove_tree,
    set_in,
    set_open,
    set_ownership,
)
from cdconf.agent.files.validate import check_content, check_stream
from cdconf.agent.files.way import hold, on_roots_alone, parent


@contextlib.contextmanager
def _replaced(folder, name, owner):
    """(lstat result, descriptor) of the regular file that is replaced; None where there's none, or it can't be read."""
    old = folder.lstat(name)
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise Failed("'{}' is a directory".format(folder.place(name)))
    if old is None or not stat.S_ISREG(old.st_mode):
        yield None, None  # a link's or socket's own mode says nothing about a file's
        return
    try:
        descriptor = folder.open(name, owner)
    except PermissionError:
        yield old, None
        return
    try:
        yield (old, None) if descriptor is None else (os.fstat(descriptor), descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _dress(folder, target, old, attributes, fields):
    """Gives the new file its owner, mode and attributes before anyone can see it."""
    uid, gid = owners.ids(fields)
    uid = old.st_uid if uid == -1 and old is not None else uid
    is_like_old = old is not None and is_trusted(old, uid)
    if gid == -1 and is_like_old:
        gid = old.st_gid
    elif gid == -1 and not is_trusted(folder.status(), uid):
        gid = os.getegid()  # the directory's own setgid bit would choose
    os.fchown(target, uid, gid)
    drop_inherited(folder, target, uid)
    if attributes is not None and is_like_old:
        copy_xattrs(attributes, target)
    base = 0o644 if old is None else mode_after(old, uid, -1) & (0o7777 if is_like_old else 0o755)
    mode = fields.get("mode")
    os.fchmod(target, base if mode is None else owners.mode_bits(mode, base))


def write_atomic(path, data, owner=None, group=None, mode=None, validate=None, follow=False):
    """Replaces a regular file in one step: readers see the old bytes or the new, never a part.

    The temporary file is in the same directory, 0600 until it's complete; it's fsynced, then renamed, then
    the directory is fsynced. What isn't given (owner, group, mode) and ACLs and xattrs are kept from the file
    that is replaced; a new file is 0644.

    Args:
        path: Absolute path.
        data: The new content, bytes.
        owner: User's name or number as text.
        group: Group's name or number as text.
        mode: Octal text such as "0640".
        validate: A command line that must accept the content first; see `check_content`.
        follow: A link at the end stays, and what it points to is replaced.

    Raises:
        Missing: The directory, the owner or the group doesn't exist.
        Failed: The disk is full, the path is something else than a file, or the validation refuses.
    """
    if validate is not None:
        check_content(validate, path, data)
    with replacing(path, owner, group, mode, follow) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(path, owner=None, group=None, mode=None, follow=False):
    """A stream whose bytes become the file when the block ends well; see `write_atomic`."""
    fields = {"owner": owner, "group": group, "mode": mode}
    with parent(path, follow) as (folder, name), replacing_in(folder, name, fields) as stream:
        yield stream


@contextlib.contextmanager
def replacing_in(folder, name, fields):
    """Like `replacing`, in a `Folder`; fields are those of owner, group and mode that are given."""
    owner = fields.get("owner")
    with _replaced(folder, name, owner) as (old, attributes):
        temporary = temporary_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(temporary, flags, 0o600, dir_fd=folder.descriptor)
        except OSError as error:
            raise explained(error, folder, name)
        try:
            with os.fdopen(descriptor, "r+b") as stream:
                yield stream
                stream.flush()
                _dress(folder, descriptor, old, attributes, fields)
                os.fsync(descriptor)
                _put_in_place(folder, temporary, name, descriptor, owner)
        except BaseException as error:
            with contextlib.suppress(OSError):
                folder.unlink(temporary)
            if isinstance(error, OSError):
                raise explained(error, folder, name)
            raise
    folder.sync()


def _put_in_place(folder, temporary, name, source, owner):
    """Renames, or where the path is a mount point of its own (EBUSY) rewrites what is mounted.

    Container engines mount /etc/hosts, /etc/hostname and /etc/resolv.conf into their containers: nothing can be
    renamed over these, so there's no atomic way. The complete new file was on the disk before; a crash in the
    middle of the rewriting is put right by the next run.
    """
    try:
        folder.rename(temporary, name)
        return
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    mounted = os.open(name, flags, dir_fd=folder.descriptor)
    with os.fdopen(mounted, "wb") as stream:
        there = os.fstat(mounted)
        if not stat.S_ISREG(there.st_mode):
            raise Failed("'{}' is not a regular file".format(folder.place(name)))
        folder.check_names(name, there, owner)
        folder.check_not_mounted(name, mounted)
        os.lseek(source, 0, os.SEEK_SET)
        for block in iter(lambda: os.read(source, 1024 * 1024), b""):
            stream.write(block)
        stream.flush()
        stream.truncate()
        status = os.fstat(source)
        os.fchown(mounted, status.st_uid, status.st_gid)
        os.fchmod(mounted, stat.S_IMODE(status.st_mode))
        os.fsync(mounted)
    folder.unlink(temporary)


def explained(error, folder, name):
    """The `Failed` for an `OSError` of writing an entry."""
    kind = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "failed"
    message = "can't write '{}': {}".format(folder.place(name), error.strerror or error)
    if error.errno == errno.EPERM:
        for one in (folder.place(name), folder.path):
            flag = protection(one)
            if flag:
                message += "; '{}' has the attribute {} (chattr -{} takes it away)".format(one, *flag)
    return Failed(message, kind=kind)


def protection(path):
    """(name, letter) of a file attribute that keeps even root from changing a file; None without one.

    FS_IOC_GETFLAGS of ioctl_iflags(2): 0x10 is immutable, 0x20 append-only.
    """
    import fcntl
    import struct

    try:
        with parent(path) as (folder, name):
            descriptor = os.open(name, READ, dir_fd=folder.descriptor)
    except (Failed, OSError):
        return None
    try:
        size = struct.calcsize("l")
        request = (2 << 30) | (size << 16) | (ord("f") << 8) | 1
        flags = struct.unpack("l", fcntl.ioctl(descriptor, request, bytes(size)))[0]
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return ("immutable", "i") if flags & 0x10 else ("append-only", "a") if flags & 0x20 else None
