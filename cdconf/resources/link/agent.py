"""Observes and applies symbolic links."""

import os
import stat

from cdconf.agent import files
from cdconf.agent.base import Failed


def observe(fields):
    """The target; None when there's nothing, or a file that `force` may replace."""
    path = fields["path"]
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return {"target": os.readlink(path)}
    if stat.S_ISREG(status.st_mode) and fields.get("force"):
        return None
    what = "directory" if stat.S_ISDIR(status.st_mode) else "file"
    raise Failed("'{}' is a {}, not a link".format(path, what))


def apply(fields, difference):
    """Removes it, or puts the new link in place by a rename."""
    path = fields["path"]
    folder = os.path.dirname(path)
    if difference.get("exists") == (True, False):
        os.unlink(path)
    else:
        if "target" not in fields:
            raise Failed("a link needs a target")
        fresh = os.path.join(folder, "{}{}".format(files.TEMPORARY_PREFIX, os.urandom(6).hex()))
        os.symlink(fields["target"], fresh)
        os.rename(fresh, path)
    files.fsync_directory(folder)
