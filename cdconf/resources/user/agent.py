"""Observes and applies users."""

import os

from cdconf.agent import files, texts
from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.files import walk
from cdconf.agent.system import account_files, accounts, left_homes

OPTIONS = (
    ("uid", "--uid"),
    ("group", "--gid"),
    ("shell", "--shell"),
    ("home", "--home-dir"),
    ("comment", "--comment"),
    ("expires", "--expiredate"),
)


def observe(fields):
    """What passwd, shadow and group say; of the supplementary groups only those that matter."""
    name = fields["name"]
    _check_groups(fields)
    entry = accounts.user(name)
    if entry is None:
        return None
    state = {key: entry[key] for key in ("uid", "shell", "home", "comment")}
    state["group"] = str(entry["gid"]) if texts.is_number(fields.get("group", "")) else files.group_name(entry["gid"])
    if "create_home" in fields:
        state["create_home"] = fields["create_home"] and _home(fields.get("home", entry["home"]))
    if "groups" in fields:
        present = accounts.groups_of(name)
        state["groups"] = [one for one in present if fields.get("exclusive_groups") or one in fields["groups"]]
    ages = [one for one in accounts.AGES if one in fields]
    if ages or "locked" in fields or "password_hash" in fields or "expires" in fields:
        shadow = accounts.password(name) or {"hash": "", "locked": False, "expires": accounts.NEVER}
        state.update(locked=shadow["locked"], password_hash=shadow["hash"], expires=shadow["expires"])
        state.update((age, accounts.age(name, age)) for age in ages)
    return state


def _home(path):
    """Whether there's a home directory; one that a removed user has left is not the user's yet."""
    left = left_homes.owner(path)
    return os.path.isdir(path) if left is None else "left by {}, which is nobody's number".format(left)


def _left_number(fields):
    """The number of the user who had the home before; None where it's given, or where nobody had it."""
    return None if "uid" in fields else left_homes.owner(fields.get("home", "/home/" + fields["name"]))


def _check_groups(fields):
    if fields.get("absent"):
        return
    if "group" in fields:
        files.gid_of(fields["group"])
    known = accounts.groups() if "groups" in fields else {}
    for group in fields.get("groups", []):
        if group not in known:
            raise Missing("group", group)


def apply(fields, difference):
    """useradd, usermod or userdel, then the password; without these programs the files themselves."""
    _check_groups(fields)
    removal = difference.get("exists") == (True, False)
    old = accounts.user(fields["name"])
    if removal and fields.get("remove_home"):
        walk.check_removal(old["home"])
    if programs.find("useradd") is None:
        _without_programs(fields, removal)
    elif removal:
        run_ok(["userdel", "--", fields["name"]])
    else:
        _with_programs(fields, difference)
    if removal and fields.get("remove_home"):
        account_files.remove_home(dict(old, name=fields["name"]))


def _with_programs(fields, difference):
    name = fields["name"]
    old = accounts.user(name)
    fresh = old is None
    arguments = _arguments(fields, difference, fresh)
    if fresh:
        arguments += ["--system"] if fields.get("system") else []
        left = _left_number(fields)
        arguments += [] if left is None else ["--uid", str(left)]
        makes_home = fields.get("create_home") and files.on_roots_alone(fields.get("home", "/home/" + name))
        arguments += ["--create-home" if makes_home else "--no-create-home"]
        if "group" not in fields and name in accounts.groups():
            arguments += ["--gid", name]
    if fresh or arguments:
        run_ok(["useradd" if fresh else "usermod"] + arguments + ["--", name])
    if not fresh and "home" in difference and fields.get("move_home"):
        try:
            account_files.move_home(old["home"], fields["home"])
        except (Failed, OSError):
            run_ok(["usermod", "--home", old["home"], "--", name])
            raise
    _make_home(fields)
    ages = [(option, str(fields[one])) for one, (_, _, option) in sorted(accounts.AGES.items()) if one in difference]
    if ages:
        run_ok(["chage"] + [word for pair in ages for word in pair] + ["--", name])
    password = _password(fields)
    if password is not None:
        # By stdin, since a process's arguments are for all to read.
        run_ok(["chpasswd", "--encrypted"], input="{}:{}\n".format(name, password))


def _arguments(fields, difference, fresh):
    """The options that useradd and usermod share."""
    arguments = []
    for field, option in OPTIONS:
        if field in difference:
            value = str(fields[field])
            spelling = "--home" if field == "home" and not fresh else option
            arguments += [spelling, "" if (field, value) == ("expires", accounts.NEVER) else value]
    if "groups" in difference:
        keep = not fresh and not fields.get("exclusive_groups")
        arguments += (["--append"] if keep else []) + ["--groups", ",".join(fields["groups"])]
    return arguments


def _password(fields):
    """The password field that shadow is to have; None when it's right as it is.

    A lock is a `!` before the hash. One that nobody asks about is kept when the hash changes, but `!` alone, which
    is how a new user begins, only says that there's no password yet.
    """
    shadow = accounts.password(fields["name"]) or {"password": "!", "hash": "*", "locked": True}
    present = shadow["password"]
    locked = fields.get("locked", present.startswith("!") and shadow["hash"] != "*")
    wanted = fields.get("password_hash", present.lstrip("!"))
    if "locked" in fields and not locked and wanted in ("", "*") and present.startswith(("!", "*")):
        raise Failed("user '{}' has no password, so it can't be unlocked; give `password_hash`".format(fields["name"]))
    if locked and not wanted.startswith("*"):
        wanted = "!" + wanted
    return wanted if ("locked" in fields or "password_hash" in fields) and wanted != present else None


def _without_programs(fields, removal):
    name = fields["name"]
    with account_files.locked():
        old = accounts.user(name)
        if removal:
            account_files.remove_user(name)
        else:
            _put(fields, old)
    entry = accounts.user(name)
    if removal or entry is None:
        return
    if old is not None and fields.get("move_home") and old["home"] != entry["home"]:
        account_files.move_home(old["home"], entry["home"])
    _make_home(fields)


def _put(fields, old):
    name = fields["name"]
    values = {key: fields[key] for key in ("uid", "comment", "home", "shell") if key in fields}
    left = _left_number(fields) if old is None else None
    if left is not None:
        values["uid"] = left
    if "group" in fields:
        values["gid"] = files.gid_of(fields["group"])
    elif old is None:
        if name not in accounts.groups():
            account_files.put_group(name, fields.get("uid"), fields.get("system", False))
        values["gid"] = accounts.groups()[name][0]
    account_files.put_user(name, values, fields.get("system", False))
    if "groups" in fields:
        kept = [] if fields.get("exclusive_groups") else accounts.groups_of(name)
        account_files.set_groups(name, fields["groups"] + kept)
    ages = {one: fields[one] for one in accounts.AGES if one in fields}
    account_files.put_shadow(name, _password(fields), fields.get("expires"), ages=ages)


def _make_home(fields):
    entry = accounts.user(fields["name"])
    if fields.get("create_home") and entry is not None:
        left = left_homes.owner(entry["home"])
        if left is not None:
            left_homes.give(entry["home"], left, fields["name"], entry["uid"], entry["gid"])
        account_files.make_home(entry["home"], entry["uid"], entry["gid"])
