"""Users and groups as /etc/passwd, /etc/shadow and /etc/group have them (passwd(5), shadow(5), group(5)).

The files are read directly: what the C library says may come from a directory server, which is none of a local
account's business, and it may be cached.
"""

import os

from cdconf.agent import texts
from cdconf.agent.files.whole_file import read_or_empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.host import LocalAccount, Password

ETC = "/etc"
NEVER = "never"
# Field of the user type -> its place in a shadow record, the days that an empty one stands for (-1: no limit), and
# chage's option.
AGES = {
    "password_min": (3, 0, "-m"),
    "password_max": (4, -1, "-M"),
    "password_warn": (5, 0, "-W"),
    "password_inactive": (6, -1, "-I"),
}


def records(name: "str", etc: "str" = ETC) -> "list[list[str]]":
    """The lines of a database as lists of fields; lines that are none (NIS's `+`, empty ones) are left out."""
    lines = texts.lines(read_or_empty(os.path.join(etc, name)))
    return [line.split(":") for line in lines if line and line[0] not in "+-#" and ":" in line]


def find(database: "str", name: "str", etc: "str" = ETC) -> "list[str] | None":
    """One record of a database, or None."""
    for record in records(database, etc):
        if record[0] == name:
            return record
    return None


def user(name: "str", etc: "str" = ETC) -> "LocalAccount | None":
    """`{uid, gid, comment, home, shell}` of a local user, or None."""
    record = find("passwd", name, etc)
    if record is None or len(record) < 7 or not all(map(texts.is_number, record[2:4])):
        return None
    return {
        "uid": int(record[2]),
        "gid": int(record[3]),
        "comment": record[4],
        "home": record[5],
        "shell": record[6],
    }


def groups(etc: "str" = ETC) -> "dict[str, tuple[int, list[str]]]":
    """`{name: (gid, [member, …])}` of the local groups."""
    found = {}
    for record in records("group", etc):
        if len(record) >= 4 and texts.is_number(record[2]):
            found[record[0]] = (int(record[2]), [member for member in record[3].split(",") if member])
    return found


def groups_of(name: "str", etc: "str" = ETC) -> "list[str]":
    """The supplementary groups that a user is in, sorted."""
    return sorted(group for group, (_, members) in groups(etc).items() if name in members)


def password(name: "str", etc: "str" = ETC) -> "Password | None":
    """`{password, hash, locked, expires}` of a user's shadow record.

    `password` is the raw field, `hash` the crypt(3) hash without a lock's `!` ("*" when there's none), `locked`
    whether no password can match, `expires` a date as YYYY-MM-DD or "never". None when the user has no record.
    """
    record = find("shadow", name, etc)
    if record is None:
        return None
    raw = record[1]
    days = record[7] if len(record) > 7 else ""
    return {
        "password": raw,
        "hash": raw.lstrip("!") or ("*" if raw else ""),
        "locked": raw.startswith(("!", "*")),
        "expires": date_of(days),
    }


def age(name: "str", which: "str", etc: "str" = ETC) -> "int":
    """The days of one of `AGES` that a user's shadow record has."""
    record, (place, empty, _) = find("shadow", name, etc) or [], AGES[which]
    days = record[place] if len(record) > place else ""
    return int(days) if texts.is_number(days) else empty


def date_of(days: "str") -> "str":
    """shadow(5)'s days since 1970 as a date; empty and negative mean never."""
    if not texts.is_number(days):
        return NEVER
    import datetime as dt  # few accounts expire

    try:
        return (dt.date(1970, 1, 1) + dt.timedelta(days=int(days))).isoformat()
    except OverflowError:
        return NEVER


def days_of(date: "str") -> "str":
    """The reverse of `date_of`."""
    if date == NEVER:
        return ""
    import datetime as dt

    parts = [int(part) for part in date.split("-")]
    return str((dt.date(*parts) - dt.date(1970, 1, 1)).days)
