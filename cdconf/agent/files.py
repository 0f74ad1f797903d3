"""Atomic writes, and names for owners and modes."""

import contextlib
import errno
import grp
import os
import pwd
import stat

from cdconf.agent.base import Failed, Missing, last_lines, run

TEMPORARY_PREFIX = ".cdconf-"


def uid_of(name):
    """The uid of a user's name, or of a number given as text; raises `Missing`."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        if name.isdigit():
            return int(name)
        raise Missing("user", name)


def gid_of(name):
    """The gid of a group's name, or of a number given as text; raises `Missing`."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isdigit():
            return int(name)
        raise Missing("group", name)


def primary_group(name):
    """The gid of a user's own group; raises `Missing`."""
    try:
        return pwd.getpwnam(name).pw_gid
    except KeyError:
        raise Missing("user", name)


def owner_name(uid):
    """The user's name, or the number as text when nobody has it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid):
    """The group's name, or the number as text when none has it."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def mode_text(st_mode):
    """Permission bits as four octal digits: `0644`."""
    return "{:04o}".format(stat.S_IMODE(st_mode))


def fsync_directory(path):
    """Makes a rename in the directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_xattrs(source, target):
    # ACLs are the xattr system.posix_acl_access; a file system without xattrs has none to keep.
    try:
        names = os.listxattr(source, follow_symlinks=False)
    except OSError:
        return
    for name in names:
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA):
                raise


def _dress(temporary, old, path, owner, group, mode):
    """Gives the new file its owner, mode and attributes before anyone can see it."""
    uid = uid_of(owner) if owner is not None else old.st_uid if old else -1
    gid = gid_of(group) if group is not None else old.st_gid if old else -1
    os.chown(temporary, uid, gid)
    if old is not None:
        _copy_xattrs(path, temporary)
    if mode is not None:
        os.chmod(temporary, int(mode, 8))
    elif old is not None:
        os.chmod(temporary, stat.S_IMODE(old.st_mode))
    else:
        os.chmod(temporary, 0o644)


def check_content(command, path, data):
    """Runs a validation on new content before it goes live.

    The candidate has the file's own name, in a private directory in memory where there is one, so that a killed
    run leaves nothing of it on a disk.

    Args:
        command: A command line; each `{}` in it becomes the candidate's path, quoted.
        path: Where the content is to go live.
        data: The content, bytes.

    Raises:
        Failed: The command's status isn't 0.
    """
    import shlex
    import tempfile

    memory = "/run" if os.access("/run", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cdconf-validate-", dir=memory) as folder:
        candidate = os.path.join(folder, os.path.basename(path))
        with open(candidate, "wb") as stream:
            stream.write(data)
        result = run(["/bin/sh", "-c", command.replace("{}", shlex.quote(candidate))], timeout=60)
    if result.status != 0:
        raise Failed(
            "the new content of '{}' didn't pass its validation, so it stays as it is".format(path),
            command=command,
            status=result.status,
            output=last_lines(result.err or result.out),
        )


def write_atomic(path, data, owner=None, group=None, mode=None, validate=None):
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

    Raises:
        Missing: The directory, the owner or the group doesn't exist.
        Failed: The disk is full, the path is something else than a file, or the validation refuses.
    """
    if validate is not None:
        check_content(validate, path, data)
    with replacing(path, owner, group, mode) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(path, owner=None, group=None, mode=None):
    """A stream whose bytes become the file when the block ends well; see `write_atomic`."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise Missing("directory", folder)
    try:
        old = os.lstat(path)
    except OSError:
        old = None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise Failed("'{}' is a directory".format(path))
    if old is not None and not stat.S_ISREG(old.st_mode):
        old = None  # a link's or socket's own mode says nothing about a file's
    try:
        temporary = os.path.join(folder, TEMPORARY_PREFIX + os.urandom(8).hex())
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _explained(error, path)
    try:
        os.close(descriptor)
        with open(temporary, "wb") as stream:
            yield stream
            stream.flush()
            _dress(temporary, old, path, owner, group, mode)
            os.fsync(stream.fileno())
        _put_in_place(temporary, path)
    except BaseException as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        if isinstance(error, OSError):
            raise _explained(error, path)
        raise
    fsync_directory(folder)


def _put_in_place(temporary, path):
    """Renames, or where the path is a mount point of its own (EBUSY) rewrites what is mounted.

    Container engines mount /etc/hosts, /etc/hostname and /etc/resolv.conf into their containers: nothing can be
    renamed over these, so there's no atomic way. The complete new file was on the disk before; a crash in the
    middle of the rewriting is put right by the next run.
    """
    try:
        os.rename(temporary, path)
        return
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
    mounted = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(mounted, "wb") as stream:
        with open(temporary, "rb") as source:
            for block in iter(lambda: source.read(1024 * 1024), b""):
                stream.write(block)
        stream.flush()
        stream.truncate()
        _copy_ownership(temporary, stream.fileno())
        os.fsync(stream.fileno())
    os.unlink(temporary)


def _copy_ownership(source, descriptor):
    status = os.lstat(source)
    os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _explained(error, path):
    kind = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "failed"
    message = "can't write '{}': {}".format(path, error.strerror or error)
    if error.errno == errno.EPERM:
        for one in (path, os.path.dirname(path)):
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
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
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


def ownership(status, fields):
    """Owner, group and mode of an lstat result; owners in numbers where numbers are wanted."""
    owner = str(status.st_uid) if fields.get("owner", "").isdigit() else owner_name(status.st_uid)
    group = str(status.st_gid) if fields.get("group", "").isdigit() else group_name(status.st_gid)
    return {"owner": owner, "group": group, "mode": mode_text(status.st_mode)}


def check_owners(difference):
    """Raises `Missing` when a wanted owner or group doesn't exist."""
    if "owner" in difference:
        uid_of(difference["owner"][1])
    if "group" in difference:
        gid_of(difference["group"][1])


def set_ownership(path, difference):
    """Sets those of owner, group and mode that differ, never through a link."""
    owner = uid_of(difference["owner"][1]) if "owner" in difference else -1
    group = gid_of(difference["group"][1]) if "group" in difference else -1
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if owner != -1 or group != -1:
            old = os.fstat(descriptor)
            os.fchown(descriptor, owner, group)
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))  # chown clears setuid and setgid bits
        if "mode" in difference:
            os.fchmod(descriptor, int(difference["mode"][1], 8))
    finally:
        os.close(descriptor)
