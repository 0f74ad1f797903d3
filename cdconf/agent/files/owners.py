"""Names of owners and groups, and modes as text."""

import grp
import pwd
import stat

from cdconf.agent import texts
from cdconf.agent.errors import Missing


def uid_of(name):
    """The uid of a user's name, or of a number given as text; raises `Missing`."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        if texts.is_number(name):
            return int(name)
        raise Missing("user", name)


def gid_of(name):
    """The gid of a group's name, or of a number given as text; raises `Missing`."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if texts.is_number(name):
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


def ids(fields):
    """(uid, gid) that fields ask for, -1 for what they don't; raises `Missing`."""
    uid = uid_of(fields["owner"]) if fields.get("owner") is not None else -1
    return uid, gid_of(fields["group"]) if fields.get("group") is not None else -1


def mode_text(st_mode):
    """Permission bits as four octal digits: `0644`."""
    return "{:04o}".format(stat.S_IMODE(st_mode))


def ownership(status, fields):
    """Owner, group and mode of an lstat result; owners in numbers where numbers are wanted."""
    owner = str(status.st_uid) if texts.is_number(fields.get("owner", "")) else owner_name(status.st_uid)
    group = str(status.st_gid) if texts.is_number(fields.get("group", "")) else group_name(status.st_gid)
    return {"owner": owner, "group": group, "mode": mode_text(status.st_mode)}


def check_owners(difference):
    """Raises `Missing` when a wanted owner or group doesn't exist."""
    if "owner" in difference:
        uid_of(difference["owner"][1])
    if "group" in difference:
        gid_of(difference["group"][1])
