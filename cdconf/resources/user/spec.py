"""The `user` type."""

import datetime as dt
import re

from cdconf.resources.spec import Context, Field, Fields, ResourceType

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?\Z")
# crypt(5): $id$ and then parameters, salt and hash; "*" is no password at all.
_HASH = re.compile(r"(\$[0-9a-z]{1,8}\$[A-Za-z0-9./,=$+-]{8,}|\*)\Z")
_REMOVAL = ("name", "remove_home", "absent")
AGEING = {"password_min": 0, "password_max": -1, "password_warn": 0, "password_inactive": -1}


def _normalise(fields: Fields, context: Context) -> Fields:
    """The supplementary groups are a set: sorted, so that their order never differs."""
    if not _NAME.match(fields["name"]):
        raise context.error(f"'{fields['name']}' can't be a user's name", "letters, digits, _ - . and 32 of them")
    if fields["absent"]:
        return {name: value for name, value in fields.items() if name in _REMOVAL}
    fields.pop("remove_home", None)
    if not 0 <= fields.get("uid", 0) < 2**32 - 1:
        raise context.error(f"uid {fields['uid']} is out of range")
    for name in ("comment", "home", "shell"):
        if re.search(r"[:\n\0]", fields.get(name, "")):
            raise context.error(f"'{name}' can't hold a colon or a new line")
    if "groups" in fields:
        fields["groups"] = sorted(set(fields["groups"]))
    elif fields.get("exclusive_groups"):
        raise context.error("'exclusive_groups' needs 'groups'", "`groups: []` is none")
    _check_password(fields, context)
    _check_ages(fields, context)
    if "expires" in fields:
        fields["expires"] = _date(fields["expires"], context)
    return fields


def _check_password(fields: Fields, context: Context) -> None:
    if "password_hash" in fields and not _HASH.match(fields["password_hash"]):
        raise context.error("'password_hash' isn't a crypt(3) hash", "make one with `openssl passwd -6`")
    if fields.get("password_hash") == "*" and fields.get("locked") is False:
        raise context.error("a user without a password can't be unlocked", "give a `password_hash`, or no `locked`")


def _check_ages(fields: Fields, context: Context) -> None:
    for name, least in AGEING.items():
        if not least <= fields.get(name, 0) < 2**31:
            raise context.error(f"'{name}' must be a number of days from {least} on, not {fields[name]}")
    if 0 <= fields.get("password_max", -1) < fields.get("password_min", 0):
        raise context.error("'password_min' is more than 'password_max': the password could never be changed")


def _date(text: str, context: Context) -> str:
    if text == "never":
        return text
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise context.error(f"'expires' must be a date or never, not '{text}'", 'such as "2027-01-31"') from None
    if date < dt.date(1970, 1, 2):
        raise context.error("'expires' is before 1970-01-02, which shadow(5) can't express", "lock the user instead")
    return date.isoformat()


TYPE = ResourceType(
    name="user",
    purpose="Users and access",
    doc=(
        "A local user. A new user has no password and can't log in with one. cdconf uses shadow's programs "
        "(useradd); on hosts without them (Alpine) it edits /etc/passwd, /etc/shadow and /etc/group. If the "
        "home directory of a removed user with this name still exists, the new user gets its number, unless "
        "`uid` is given. With `create_home`, the new user also becomes the owner of the old user's files in "
        "it."
    ),
    title="name",
    fields={
        "name": Field("string", "The user's name."),
        "uid": Field(
            "integer",
            "The user's number. If it changes, usermod changes the owner of the files in the home directory.",
            public=True,
        ),
        "group": Field(
            "string", "The primary group, name or number; a new user gets one of its own name.", public=True
        ),
        "groups": Field("list", "Supplementary groups. The user also stays in other groups.", public=True),
        "exclusive_groups": Field(
            "boolean", "Remove the user from all groups that `groups` doesn't name.", compare=False
        ),
        "shell": Field("path", "The login shell.", public=True),
        "home": Field(
            "path",
            "The home directory. If it changes, the files stay in the old one, unless `move_home` is given.",
            public=True,
        ),
        "move_home": Field("boolean", "Move what's in the old home directory when `home` changes.", compare=False),
        "comment": Field("string", "The GECOS field: the full name.", public=True),
        "locked": Field(
            "boolean", "Whether no password is accepted. SSH keys still work; use `expires` to stop those too."
        ),
        "password_hash": Field(
            "string", "The password as a crypt(3) hash, or `*` for none; see `openssl passwd -6`.", sensitive=True
        ),
        "expires": Field(
            "string", "The day, such as 2027-01-31, from which no login is possible; or `never`.", public=True
        ),
        "password_min": Field(
            "integer", "Days that must pass before the user may change the password again.", public=True
        ),
        "password_max": Field("integer", "Days after which the password must be changed; -1 for never.", public=True),
        "password_warn": Field("integer", "Days before that from which the user is warned.", public=True),
        "password_inactive": Field(
            "integer",
            "Days after that during which an old password can still be changed at a login. Then the account is "
            "closed. -1 for no such limit.",
            public=True,
        ),
        "system": Field("boolean", "Create it with a number from the system's range.", compare=False),
        "create_home": Field("boolean", "Create a missing home directory from /etc/skel."),
        "remove_home": Field("boolean", "With `absent`: also remove the home directory and the mail.", compare=False),
    },
    normalise=_normalise,
    example="user: shop\ngroup: shop\nshell: /usr/sbin/nologin\nsystem: true\n",
)
