"""Observes and applies users."""

import grp
import pwd

from cdconf.agent import files
from cdconf.agent.base import run_ok

OPTIONS = (("uid", "--uid"), ("group", "--gid"), ("shell", "--shell"), ("home", "--home-dir"), ("comment", "--comment"))


def observe(fields):
    """What passwd and group say; of the supplementary groups only those that are wanted."""
    try:
        entry = pwd.getpwnam(fields["name"])
    except KeyError:
        return None
    state = {
        "uid": entry.pw_uid,
        "group": files.group_name(entry.pw_gid),
        "shell": entry.pw_shell,
        "home": entry.pw_dir,
        "comment": entry.pw_gecos,
    }
    if fields.get("group", "").isdigit():
        state["group"] = str(entry.pw_gid)
    if "groups" in fields:
        state["groups"] = [name for name in fields["groups"] if _is_member(fields["name"], name)]
    return state


def _is_member(user, group):
    try:
        return user in grp.getgrnam(group).gr_mem
    except KeyError:
        return False


def apply(fields, difference):
    """useradd, usermod or userdel."""
    name = fields["name"]
    if difference.get("exists") == (True, False):
        run_ok(["userdel", "--", name])
        return
    for group in [fields["group"]] if "group" in fields else []:
        files.gid_of(group)
    for group in fields.get("groups", []):
        files.gid_of(group)
    fresh = "exists" in difference
    arguments = ["useradd"] if fresh else ["usermod"]
    for field, option in OPTIONS:
        if field in difference:
            # usermod calls it --home; both leave what's in the old one alone
            arguments += ["--home" if option == "--home-dir" and not fresh else option, str(fields[field])]
    if "groups" in difference:
        arguments += ([] if fresh else ["--append"]) + ["--groups", ",".join(fields["groups"])]
    if fresh:
        arguments += ["--system"] if fields.get("system") else []
        arguments += ["--create-home" if fields.get("create_home") else "--no-create-home"]
        if "group" not in fields and _exists(name):
            arguments += ["--gid", name]
    run_ok(arguments + ["--", name])


def _exists(group):
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True
