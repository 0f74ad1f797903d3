"""Observes and applies symbolic and hard links."""

import stat

from cdconf.agent import files
from cdconf.agent.errors import Failed, Missing, Obstacle, in_the_way


def observe(fields):
    """The target; None when there's nothing, or a file that `force` may replace."""
    path = fields["path"]
    status = files.lstat(path)
    if fields.get("hard") and not fields.get("absent"):
        return _observe_hard(fields, status)
    if status is None:
        return None
    if stat.S_ISLNK(status.st_mode):
        return {"target": files.readlink(path)}
    if fields.get("hard") and stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        return {}
    return _in_its_place(fields, status)


def _observe_hard(fields, status):
    target = files.lstat(fields["target"])
    if target is None:
        raise Missing("file", fields["target"])
    if not stat.S_ISREG(target.st_mode):
        raise Failed("'{}' isn't a regular file, so it can't have a hard link".format(fields["target"]))
    if status is None:
        return None
    if (status.st_dev, status.st_ino) == (target.st_dev, target.st_ino):
        return {"target": fields["target"]}
    if stat.S_ISLNK(status.st_mode):
        return {"target": "a symbolic link to {}".format(files.readlink(fields["path"]))}
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        return {"target": "another file"}
    return _in_its_place(fields, status)


def _in_its_place(fields, status):
    if stat.S_ISREG(status.st_mode) and fields.get("force"):
        return {} if fields.get("absent") else None
    if stat.S_ISREG(status.st_mode):
        raise Obstacle("'{}' is a file, not a link".format(fields["path"]), "`force: true` replaces it")
    what = "directory" if stat.S_ISDIR(status.st_mode) else "file"
    raise in_the_way(fields["path"], "a {}, not a link".format(what))


def apply(fields, difference):
    """Removes it, or puts the new link in place by a rename."""
    if difference.get("exists") == (True, False):
        files.remove(fields["path"])
    else:
        files.put_link(fields["path"], fields["target"], fields.get("hard", False))
