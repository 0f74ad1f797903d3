"""Observes and applies groups."""

import grp

from cdconf.agent.base import run_ok


def observe(fields):
    """The gid; None when there's no such group."""
    try:
        return {"gid": grp.getgrnam(fields["name"]).gr_gid}
    except KeyError:
        return None


def apply(fields, difference):
    """groupadd, groupmod or groupdel."""
    name = fields["name"]
    if difference.get("exists") == (True, False):
        run_ok(["groupdel", "--", name])
        return
    number = ["--gid", str(fields["gid"])] if "gid" in fields else []
    if "exists" in difference:
        run_ok(["groupadd"] + number + (["--system"] if fields.get("system") else []) + ["--", name])
    else:
        run_ok(["groupmod"] + number + ["--", name])
