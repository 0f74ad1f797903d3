"""Observes and applies directories."""

import os
import shutil
import stat

from cdconf.agent import files
from cdconf.agent.base import Failed


def observe(fields):
    """Owner, group and mode; None when there's nothing."""
    try:
        status = os.lstat(fields["path"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISDIR(status.st_mode):
        raise Failed("'{}' exists, but isn't a directory".format(fields["path"]))
    return files.ownership(status, fields)


def apply(fields, difference):
    """Makes, changes or removes it."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        _remove(path, fields.get("force", False))
        return
    if "exists" in difference:
        # Owner and group must exist before anything is made.
        files.check_owners(difference)
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        os.mkdir(path, 0o700)
        if "mode" not in difference:
            os.chmod(path, 0o755)
    files.set_ownership(path, difference)
    files.fsync_directory(os.path.dirname(path))


def _remove(path, force):
    if force:
        shutil.rmtree(path)
        return
    try:
        os.rmdir(path)
    except OSError as error:
        raise Failed("can't remove '{}': {}; `force: true` removes what's in it".format(path, error.strerror))
