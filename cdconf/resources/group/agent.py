"""Observes and applies groups."""

from cdconf.agent.commands import programs
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed, Missing
from cdconf.agent.system import account_files, accounts


def observe(fields):
    """The gid, and of the members those that are wanted (all when they're exclusive); None when there's no group."""
    _check_members(fields)
    group = accounts.groups().get(fields["name"])
    if group is None:
        return None
    gid, members = group
    state = {"gid": gid}
    if "members" in fields:
        exclusive = fields.get("exclusive_members")
        state["members"] = sorted({member for member in members if exclusive or member in fields["members"]})
    return state


def _check_members(fields):
    if fields.get("absent"):
        return
    known = {record[0] for record in accounts.records("passwd")} if "members" in fields else set()
    for member in fields.get("members", []):
        if member not in known:
            raise Missing("user", member)


def apply(fields, difference):
    """groupadd, groupmod, gpasswd or groupdel; without them the files themselves."""
    _check_members(fields)
    name = fields["name"]
    removal = difference.get("exists") == (True, False)
    if programs.find("groupadd") is None:
        with account_files.locked():
            _without_programs(fields, removal)
        return
    if removal:
        run_ok(["groupdel", "--", name])
        return
    number = ["--gid", str(fields["gid"])] if "gid" in fields else []
    if name not in accounts.groups():
        run_ok(["groupadd"] + number + (["--system"] if fields.get("system") else []) + ["--", name])
    elif "gid" in difference:
        run_ok(["groupmod"] + number + ["--", name])
    if "members" in difference:
        run_ok(["gpasswd", "--members", ",".join(_members(fields)), name])


def _members(fields):
    """All members that the group is to have: those that it has stay, unless they're exclusive."""
    present = accounts.groups().get(fields["name"], (None, []))[1]
    kept = [] if fields.get("exclusive_members") else present
    return kept + [member for member in fields["members"] if member not in kept]


def _without_programs(fields, removal):
    name = fields["name"]
    if not removal:
        members = _members(fields) if "members" in fields else None
        account_files.put_group(name, fields.get("gid"), fields.get("system", False), members)
        return
    gid = accounts.groups()[name][0]
    for record in accounts.records("passwd"):
        if record[3:4] == [str(gid)]:
            raise Failed("group '{}' is the primary group of user '{}'".format(name, record[0]))
    account_files.put("group", name, None)
