"""Observes and installs what a package-lock.json names."""

import json
import os

from cdconf.agent import files
from cdconf.agent.commands import shell
from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed, in_the_way
from cdconf.agent.files import walk
from cdconf.agent.packages import locked

LOCK, PACKAGE = locked.FILES["npm"][:2]


def observe(fields):
    """Both files, with what has changed by hand; None when there's nothing."""
    path = fields["path"]
    if files.lstat(path) is None:
        return None
    if not files.is_directory(path):
        raise in_the_way(path, "no directory")
    lock, package = locked.read(path, LOCK), locked.read(path, PACKAGE)
    if lock is None or package is None:
        if files.names(path):
            raise in_the_way(path, "a directory that has files in it, but no package-lock.json")
        return None
    if fields.get("absent"):
        return {}
    # What another lock file names isn't looked at: it may be anybody's, and lead anywhere.
    return {"lock": lock + (_by_hand(path, lock) if lock == fields["lock"] else ""), "package": package}


def _json(text):
    try:
        found = json.loads(text or "")
        return found if isinstance(found, dict) else {}
    except (RecursionError, ValueError):
        return {}


def _by_hand(path, lock):
    """Lines that name packages which aren't as the lock file has them."""
    found, packages = [], _json(lock).get("packages")
    for name, one in sorted(packages.items()) if isinstance(packages, dict) else ():
        if (
            not name.startswith("node_modules/")
            or ".." in name
            or not isinstance(one, dict)
            or one.get("dev")
            or one.get("optional")
        ):
            continue
        here = _json(locked.read(path, name + "/package.json")).get("version")
        if here != one.get("version") and not one.get("devOptional"):
            found.append("# by hand: {} {}\n".format(name, here or "missing"))
    return "".join(found)


def apply(fields, difference):
    """Removes it, or runs `npm ci`."""
    path, user = fields["path"], fields.get("user")
    if difference.get("exists") == (True, False):
        walk.check_removal(path)
        files.remove_tree(path)
        return
    locked.check_roots(path, user)
    locked.programs("npm", user=user)
    with files.parent(path) as (folder, name):
        if folder.lstat(name) is None:
            files.new_directory(folder, name, {"owner": user} if user else {})
    locked.check_roots(path, user)
    for name, text in ((PACKAGE, fields["package"]), (LOCK, fields["lock"])):
        files.write_atomic(os.path.join(path, name), text.encode("utf-8"), owner=user, mode="0644")
    line = locked.line("npm", path, fields)
    result = shell.run(line, fields["timeout"], user=user, cwd=path)
    if result.status != 0:
        text = "what the lock file names can't be installed"
        raise Failed(text, command=line, status=result.status, output=last_lines(result.err or result.out))
