"""Names of owners and groups, and modes as text."""

import grp
import pwd
import stat

from cdconf.agent import texts
from cdconf.agent.errors import Missing

_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": 0o7777}
_WHAT = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


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


def mode_bits(mode, present):
    """The permission bits that a mode stands for: octal, or changes to what's there as chmod(1) words them (`go-w`).

    Args:
        mode: `0640`, `go-w`, `u=rwX,go=rX`; without u, g, o or a, a change is for all.
        present: The st_mode that is changed. As with GNU's chmod, `=` keeps a directory's setuid and setgid bits.
    """
    if texts.is_number(mode):
        return int(mode, 8)
    bits = stat.S_IMODE(present)
    for change in mode.split(","):
        at = next(place for place, letter in enumerate(change) if letter in "-+=")
        who, sign, what = change[:at], change[at], change[at + 1 :]
        runs = 0o111 if "X" in what and (stat.S_ISDIR(present) or bits & 0o111) else 0
        mask = _any(_WHO, who or "a")
        value = (_any(_WHAT, what) | runs) & mask
        if sign == "=":
            bits &= ~mask | (0o6000 if stat.S_ISDIR(present) else 0)
        bits = bits & ~value if sign == "-" else bits | value
    return bits


def _any(table, letters):
    found = 0
    for letter in letters:
        found |= table.get(letter, 0)
    return found


def ownership(status, fields):
    """Owner, group and mode of an lstat result; owners in numbers where numbers are wanted.

    A mode that's given as changes is itself the state where they'd change nothing.
    """
    owner = str(status.st_uid) if texts.is_number(fields.get("owner", "")) else owner_name(status.st_uid)
    group = str(status.st_gid) if texts.is_number(fields.get("group", "")) else group_name(status.st_gid)
    mode = fields.get("mode")
    if mode is None or mode_bits(mode, status.st_mode) != stat.S_IMODE(status.st_mode):
        mode = mode_text(status.st_mode)
    return {"owner": owner, "group": group, "mode": mode}


def check_owners(difference):
    """Raises `Missing` when a wanted owner or group doesn't exist."""
    if "owner" in difference:
        uid_of(difference["owner"][1])
    if "group" in difference:
        gid_of(difference["group"][1])
