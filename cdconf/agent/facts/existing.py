"""What exists on this host: users, packages, and paths that match a pattern. What's too long is refused, never cut."""

import fnmatch
import os
import re
import stat

from cdconf.agent import texts
from cdconf.agent.commands.execute import run_ok
from cdconf.agent.errors import Failed
from cdconf.agent.packages import apk, dpkg, rpm
from cdconf.agent.system import accounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sized
    from typing import Any

MOST = {"users": 5000, "packages": 10000, "paths": 2000}
LOOKED_AT = 100000  # entries of directories, for one pattern
_RPM = "/usr/bin/rpm"


def _few(found: "Sized", fact: "str", of: "str" = "this host has") -> "dict[str, Any]":
    if len(found) > MOST[fact]:
        raise Failed("{} more than {} {}, too many for `facts.{}`".format(of, MOST[fact], fact, fact))
    return {fact: found}


def users(root: "str") -> "dict[str, Any]":
    """`users`: name -> its facts, of /etc/passwd and /etc/group."""
    etc = os.path.join(root, "etc")
    names: "dict[int, str]" = {}
    member_of: "dict[str, list[str]]" = {}
    for group, (gid, members) in accounts.groups(etc).items():
        names.setdefault(gid, group)
        for member in members:
            member_of.setdefault(member, []).append(group)
    found: "dict[str, dict[str, Any]]" = {}
    for record in accounts.records("passwd", etc):
        if len(record) < 7 or not all(map(texts.is_number, record[2:4])) or record[0] in found:
            continue
        name, gid = record[0], int(record[3])
        found[name] = {
            "name": name,
            "uid": int(record[2]),
            "gid": gid,
            "group": names.get(gid),
            "groups": sorted(member_of.get(name, ())),
            "home": record[5],
            "shell": record[6],
        }
    return _few(found, "users")


def packages(root: "str") -> "dict[str, Any]":
    """`packages`: name -> its facts, as the package manager's own database has them."""
    versions = apk.parse("\n\n".join(apk._read(os.path.join(root, path[1:])) for path in apk.DATABASES))[0]
    versions = versions or dpkg.status(os.path.join(root, dpkg.STATUS[1:])).versions()
    if not versions and root == "/" and os.path.exists(_RPM):
        versions = rpm.versions(run_ok([_RPM, "-qa", "--qf", "%{INSTALLTIME}\\t" + rpm.EPOCHS], timeout=50).out)
    return _few({name: {"name": name, "version": version} for name, version in versions.items()}, "packages")


def paths(root: "str", pattern: "str" = "") -> "dict[str, Any]":
    """`paths`: the pattern -> its paths, in order; nothing without a pattern.

    `*` and `?` match within a name, and none that begins with a dot. Names that aren't UTF-8 or hold control
    characters are left out: whoever may write to a directory would choose what ends up in other files.
    """
    if not pattern:
        return {"paths": {}}
    root, found, left = root.rstrip("/"), [""], [LOOKED_AT]
    for part in pattern.strip("/").split("/"):
        if not re.search(r"[*?\[]", part):
            found = ["{}/{}".format(one, part) for one in found]
            continue
        wanted = re.compile(fnmatch.translate(part)).match
        found = [
            "{}/{}".format(one, name)
            for one in found
            for name in _names((root + one).encode("utf-8") or b"/", left, pattern)
            if wanted(name) and (part[0] == "." or name[0] != ".")
        ]
    there = []
    for one in sorted(found):
        kind = _kind((root + one).encode("utf-8"), pattern.endswith("/"))
        if kind:
            there.append({"path": one, "type": kind})
    _few(there, "paths", "'{}' matches".format(pattern))
    return {"paths": {pattern: there}}


def _names(folder: "bytes", left: "list[int]", pattern: "str") -> "Iterator[str]":
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                left[0] -= 1
                if left[0] < 0:
                    raise Failed("'{}' goes through more than {} names".format(pattern, LOOKED_AT))
                try:
                    name = entry.name.decode("utf-8")
                except UnicodeDecodeError:
                    continue
                if name.isprintable():
                    yield name
    except OSError:
        pass


def _kind(path: "bytes", only_directories: "bool") -> "str | None":
    """file, directory, link or other; None for what isn't there, or is no directory where only those count."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return None
    if only_directories and not os.path.isdir(path):
        return None
    if stat.S_ISLNK(mode):
        return "link"
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
