"""Observes and applies files."""

import os
import stat

from cdconf.agent import files
from cdconf.agent.base import Failed


def observe(fields):
    """Content (text where it's UTF-8), owner, group and mode; None when there's nothing, or a link."""
    path = fields["path"]
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode) and not fields.get("absent"):
        return None
    if stat.S_ISDIR(status.st_mode):
        raise Failed("'{}' is a directory".format(path))
    state = files.ownership(status, fields)
    if "content" in fields:
        state["content"] = _read(path)
    return state


def _read(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def apply(fields, difference):
    """Removes, replaces, or only changes owner and mode."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        os.unlink(path)
        files.fsync_directory(os.path.dirname(path))
        return
    if "exists" not in difference and "content" not in difference:
        files.set_ownership(path, difference)
        return
    content = fields.get("content", "")
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    files.write_atomic(path, data, fields.get("owner"), fields.get("group"), fields.get("mode"), fields.get("validate"))
