"""Edits passwd, shadow and group on hosts without shadow's programs (BusyBox has no usermod, chage or gpasswd).

Every edit is made under the lock that lckpwdf(3) takes, /etc/.pwd.lock, and replaces the file atomically.
"""

import contextlib
import fcntl
import os

from cdconf.agent import accounts, files
from cdconf.agent.base import Failed
from cdconf.agent.owned import edit, read_or_empty

SYSTEM_RANGE = (100, 999)
PEOPLE_RANGE = (1000, 60000)
SKELETON = "/etc/skel"


@contextlib.contextmanager
def locked(etc=accounts.ETC):
    """Holds the databases' lock."""
    descriptor = os.open(os.path.join(etc, ".pwd.lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def put(database, name, record, etc=accounts.ETC):
    """Replaces the record of a name in its place, adds it at the end, or with None removes it."""
    path = os.path.join(etc, database)
    kept, done = [], False
    for line in read_or_empty(path).splitlines():
        if line.split(":")[0] != name:
            kept.append(line)
        elif record is not None and not done:
            kept.append(":".join(record))
            done = True
    if record is not None and not done:
        kept.append(":".join(record))
    edit(path, "".join(line + "\n" for line in kept))


def free_number(taken, system):
    """The lowest number of a range that nobody has (system's are given out from the top, as adduser does)."""
    low, high = SYSTEM_RANGE if system else PEOPLE_RANGE
    numbers = range(high, low - 1, -1) if system else range(low, high + 1)
    for number in numbers:
        if number not in taken:
            return number
    raise Failed("all numbers from {} to {} are taken".format(low, high))


def put_group(name, gid=None, system=False, members=None, etc=accounts.ETC):
    """Makes or changes a group; what isn't given is kept."""
    known = accounts.groups(etc)
    old_gid, old_members = known.get(name, (None, []))
    if gid is None:
        gid = old_gid if old_gid is not None else free_number({one for one, _ in known.values()}, system)
    put("group", name, [name, "x", str(gid), ",".join(old_members if members is None else members)], etc)


def put_user(name, values, system=False, etc=accounts.ETC):
    """Makes or changes a user in passwd and shadow.

    Args:
        name: The user's name.
        values: Those of uid, gid, comment, home, shell that change.
        system: A new user's number is of the system's range.
        etc: The databases' directory.
    """
    old = accounts.user(name, etc)
    if old is None:
        taken = {int(record[2]) for record in accounts.records("passwd", etc) if record[2:3] and record[2].isdigit()}
        uid = values["uid"] if "uid" in values else free_number(taken, system)
        old = {"uid": uid, "gid": uid, "comment": "", "home": "/home/" + name, "shell": "/bin/sh"}
    entry = dict(old, **values)
    if accounts.find("shadow", name, etc) is None:
        put("shadow", name, [name, "!", "", "0", "99999", "7", "", "", ""], etc)
    record = [name, "x", str(entry["uid"]), str(entry["gid"]), entry["comment"], entry["home"], entry["shell"]]
    put("passwd", name, record, etc)


def put_shadow(name, password=None, expires=None, etc=accounts.ETC):
    """Changes the password field or the date of expiry (YYYY-MM-DD or "never") of a user."""
    record = accounts.find("shadow", name, etc) or [name, "!", "", "0", "99999", "7", "", "", ""]
    record = record + [""] * (9 - len(record))
    if password is not None:
        record[1] = password
    if expires is not None:
        record[7] = accounts.days_of(expires)
    put("shadow", name, record, etc)


def set_groups(name, wanted, etc=accounts.ETC):
    """Makes a user a member of exactly these supplementary groups."""
    for group, (_, members) in accounts.groups(etc).items():
        if (name in members) != (group in wanted):
            rest = [member for member in members if member != name]
            put_group(group, members=rest + [name] if group in wanted else rest, etc=etc)


def remove_user(name, etc=accounts.ETC):
    """Removes a user, its memberships, and its own group when nobody else is in it."""
    set_groups(name, [], etc)
    entry = accounts.user(name, etc)
    group = accounts.groups(etc).get(name)
    others = [record for record in accounts.records("passwd", etc) if record[0] != name]
    put("shadow", name, None, etc)
    put("passwd", name, None, etc)
    if entry and group and group == (entry["gid"], []) and all(one[3] != str(entry["gid"]) for one in others):
        put("group", name, None, etc)


def make_home(home, uid, gid):
    """Makes a home directory from the skeleton; one that is there is left alone."""
    if os.path.lexists(home):
        return
    import shutil

    fresh = home + files.TEMPORARY_PREFIX + "new"
    shutil.rmtree(fresh, ignore_errors=True)
    if os.path.isdir(SKELETON):
        shutil.copytree(SKELETON, fresh, symlinks=True)
    else:
        os.makedirs(fresh)
    for folder, names, others in os.walk(fresh):
        for name in names + others:
            os.lchown(os.path.join(folder, name), uid, gid)
    os.chown(fresh, uid, gid)
    os.chmod(fresh, 0o700)
    os.rename(fresh, home)
