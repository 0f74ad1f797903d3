"""Edits passwd, shadow and group on hosts without shadow's programs (BusyBox has no usermod, chage or gpasswd).

Every edit is made under the lock that lckpwdf(3) takes, /etc/.pwd.lock, and replaces the file atomically.
"""

import contextlib
import fcntl
import os
import stat

from cdconf.agent import files, texts
from cdconf.agent.errors import Failed
from cdconf.agent.files import trees
from cdconf.agent.files.whole_file import edit, read_or_empty
from cdconf.agent.system import accounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cdconf.agent.data.host import NewAccount, RemovedAccount

SYSTEM_RANGE = (100, 999)
PEOPLE_RANGE = (1000, 60000)
SKELETON = "/etc/skel"
MAIL = ("/var/mail", "/var/spool/mail")


@contextlib.contextmanager
def locked(etc: "str" = accounts.ETC) -> "Iterator[None]":
    """Holds the databases' lock."""
    descriptor = files.open_lock(os.path.join(etc, ".pwd.lock"))
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def put(database: "str", name: "str", record: "list[str] | None", etc: "str" = accounts.ETC) -> "None":
    """Replaces the record of a name in its place, adds it at the end, or with None removes it."""
    path = os.path.join(etc, database)
    kept, done = [], False
    for line in texts.lines(read_or_empty(path)):
        if line.split(":")[0] != name:
            kept.append(line)
        elif record is not None and not done:
            kept.append(":".join(record))
            done = True
    if record is not None and not done:
        kept.append(":".join(record))
    edit(path, "".join(line + "\n" for line in kept))


def free_number(taken: "set[int]", system: "bool") -> "int":
    """The lowest number of a range that nobody has (system's are given out from the top, as adduser does)."""
    low, high = SYSTEM_RANGE if system else PEOPLE_RANGE
    numbers = range(high, low - 1, -1) if system else range(low, high + 1)
    for number in numbers:
        if number not in taken:
            return number
    raise Failed("all numbers from {} to {} are taken".format(low, high))


def put_group(
    name: "str",
    gid: "int | None" = None,
    system: "bool" = False,
    members: "list[str] | None" = None,
    etc: "str" = accounts.ETC,
) -> "None":
    """Makes or changes a group; what isn't given is kept."""
    known = accounts.groups(etc)
    old_gid, old_members = known.get(name, (None, []))
    if gid is None:
        gid = old_gid if old_gid is not None else free_number({one for one, _ in known.values()}, system)
    put("group", name, [name, "x", str(gid), ",".join(old_members if members is None else members)], etc)


def put_user(name: "str", values: "NewAccount", system: "bool" = False, etc: "str" = accounts.ETC) -> "None":
    """Makes or changes a user in passwd and shadow.

    Args:
        name: The user's name.
        values: Those of uid, gid, comment, home, shell that change.
        system: A new user's number is of the system's range.
        etc: The databases' directory.
    """
    old = accounts.user(name, etc)
    if old is None:
        records = [record for record in accounts.records("passwd", etc) if len(record) > 2]
        taken = {int(record[2]) for record in records if texts.is_number(record[2])}
        uid = values["uid"] if "uid" in values else free_number(taken, system)
        old = {"uid": uid, "gid": uid, "comment": "", "home": "/home/" + name, "shell": "/bin/sh"}
    entry = dict(old, **values)
    if accounts.find("shadow", name, etc) is None:
        put("shadow", name, [name, "!", "", "0", "99999", "7", "", "", ""], etc)
    record = [name, "x"] + [str(entry[field]) for field in ("uid", "gid", "comment", "home", "shell")]
    put("passwd", name, record, etc)


def put_shadow(
    name: "str",
    password: "str | None" = None,
    expires: "str | None" = None,
    etc: "str" = accounts.ETC,
    ages: "Mapping[str, int] | None" = None,
) -> "None":
    """Changes the password field, the date of expiry (YYYY-MM-DD or "never") or ages (`{one of AGES: days}`)."""
    record = accounts.find("shadow", name, etc) or [name, "!", "", "0", "99999", "7", "", "", ""]
    record = record + [""] * (9 - len(record))
    if password is not None:
        record[1] = password
    if expires is not None:
        record[7] = accounts.days_of(expires)
    for which, days in (ages or {}).items():
        record[accounts.AGES[which][0]] = "" if days < 0 else str(days)
    put("shadow", name, record, etc)


def set_groups(name: "str", wanted: "Sequence[str]", etc: "str" = accounts.ETC) -> "None":
    """Makes a user a member of exactly these supplementary groups."""
    for group, (_, members) in accounts.groups(etc).items():
        if (name in members) != (group in wanted):
            rest = [member for member in members if member != name]
            put_group(group, members=rest + [name] if group in wanted else rest, etc=etc)


def remove_user(name: "str", etc: "str" = accounts.ETC) -> "None":
    """Removes a user, its memberships, and its own group when nobody else is in it."""
    set_groups(name, [], etc)
    entry = accounts.user(name, etc)
    group = accounts.groups(etc).get(name)
    others = [record for record in accounts.records("passwd", etc) if record[0] != name]
    put("shadow", name, None, etc)
    put("passwd", name, None, etc)
    if entry and group and group == (entry["gid"], []) and all(one[3] != str(entry["gid"]) for one in others):
        put("group", name, None, etc)


def make_home(home: "str", uid: "int", gid: "int") -> "None":
    """Makes a home directory from the skeleton; one that is there is left alone."""
    with files.parent(home) as (folder, name):
        if folder.lstat(name) is not None:
            return
        fresh = name + files.TEMPORARY_PREFIX + "new"
        trees.remove(folder, fresh)
        os.mkdir(fresh, 0o700, dir_fd=folder.descriptor)
        with folder.down(fresh) as made:
            if files.is_directory(SKELETON):
                with files.hold(SKELETON) as skeleton:
                    trees.copy(skeleton, made, uid, gid)
            os.fchown(made.descriptor, uid, gid)
            os.fchmod(made.descriptor, 0o700)
        folder.rename(fresh, name)


def move_home(old: "str", new: "str") -> "None":
    """Moves a home directory to where nothing is; one that isn't there stays missing."""
    if not files.is_directory(old):
        return
    with files.parent(old) as (folder, name), files.make_directories(os.path.dirname(new)) as to:
        if to.lstat(os.path.basename(new)) is not None:
            raise Failed("can't move '{}' to '{}': that's there already".format(old, new))
        trees.move(folder, name, to, os.path.basename(new))


def remove_home(entry: "RemovedAccount") -> "None":
    """Removes a user's home and mail, what of it is the user's own."""
    if entry["uid"] == 0:
        return
    home = files.lstat(entry["home"])
    if home is not None and stat.S_ISDIR(home.st_mode) and home.st_uid == entry["uid"]:
        files.remove_tree(entry["home"])
    for folder in MAIL:
        path = os.path.join(folder, entry["name"])
        mail = files.lstat(path)
        if mail is not None and stat.S_ISREG(mail.st_mode) and mail.st_uid == entry["uid"]:
            files.remove(path)
