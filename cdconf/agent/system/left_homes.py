"""Home directories that a removed user has left: a user who is made again takes them up.

The number of the removed user is nobody's. Where only root can have put the directory there, whoever gets its home by
name may as well have that number; of somebody's number, or root's, nothing is ever given away.
"""

import os
import pwd
import stat

from cdconf.agent import files, texts
from cdconf.agent.files import trees, walk
from cdconf.agent.system import accounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.files.folder import Folder

NUMBERS = range(100, 60001)  # those that useradd gives out, system users' too
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def owner(home: "str") -> "int | None":
    """The number, nobody's any more, that a home directory belongs to; None when it's somebody's, or isn't there."""
    status = files.lstat(home)
    if status is None or not stat.S_ISDIR(status.st_mode) or status.st_uid not in NUMBERS:
        return None
    return status.st_uid if _is_nobodys(status.st_uid) and files.on_roots_alone(home) else None


def _is_nobodys(uid: "int") -> "bool":
    try:
        pwd.getpwuid(uid)  # directory servers know users, too
        return False
    except KeyError:
        records = accounts.records("passwd")
        return all(int(record[2]) != uid for record in records if len(record) > 2 and texts.is_number(record[2]))


def give(home: "str", left: "int", name: "str", uid: "int", gid: "int") -> "None":
    """Gives a user what in a home directory belongs to a number that's nobody's; all else stays as it is.

    Args:
        home: The directory.
        left: The number, from `owner`.
        name: The user, who may have hard links in there already.
        uid: The user's number.
        gid: That of the user's group, for what has the group of the directory where that's nobody's either.
    """
    with files.parent(home) as (above, last), above.down(last) as top:
        group = top.status().st_gid
        fields = {"owner": str(uid)}
        if files.group_name(group) == str(group):
            fields["group"] = str(gid)
        for _, _, folder, entry in trees.walk(top, skip=set(walk.mounts_below(home))):
            _give(folder, entry, left, name, fields, top.mount())
        _give(above, last, left, name, fields, top.mount())


def _give(
    folder: "Folder", entry: "str", left: "int", name: "str", fields: "dict[str, str]", mount: "int | None"
) -> "None":
    """What's open is judged and given, so that nothing else can be put in its place in between."""
    status = folder.lstat(entry)
    if status is None or status.st_uid != left or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return
    descriptor = os.open(entry, READ, dir_fd=folder.descriptor)
    try:
        if os.fstat(descriptor).st_uid == left:
            files.set_open(folder, entry, descriptor, fields, name, mount)
    finally:
        os.close(descriptor)
