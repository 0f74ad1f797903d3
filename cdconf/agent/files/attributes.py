"""What a file has from another one: from the file that it replaces, or from the directory that it's made in.

Both may be a user's, who'd so keep a way to read or change what's root's: an ACL, a group, a setuid bit.
"""

import errno
import os
import stat

from cdconf.agent.files.folder import is_root

ACLS = ("system.posix_acl_access", "system.posix_acl_default")  # acl(5)


def is_trusted(status, uid):
    """Whether a file or directory gives its attributes to what is, or is to be, a user's: it's root's or that user's.

    Args:
        status: Of the replaced file, or of the directory.
        uid: The user; -1: the agent's own.
    """
    return not is_root() or status.st_uid in (0, uid)


def drop_inherited(folder, descriptor, uid=-1):
    """Takes away the ACLs that a new entry has from a directory of somebody else's."""
    if is_trusted(folder.status(), uid):
        return
    for name in ACLS:
        try:
            os.removexattr(descriptor, name)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.EACCES):
                raise


def mode_after(old, uid, gid):
    """The mode that stays when the owner or group changes: a program of somebody's never runs as somebody else.

    Args:
        old: The status before.
        uid: The new owner; -1: it stays.
        gid: The new group; -1: it stays.
    """
    mode = stat.S_IMODE(old.st_mode)
    if stat.S_ISREG(old.st_mode):
        if uid not in (-1, old.st_uid):
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
        if gid not in (-1, old.st_gid):
            mode &= ~stat.S_ISGID
    return mode


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
