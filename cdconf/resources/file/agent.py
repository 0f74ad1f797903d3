"""Observes and applies files."""

import os
import stat

from cdconf.agent import files
from cdconf.agent.base import Failed

# Above this a file's content isn't read into memory: it's compared by its hash.
LARGE = 16 * 1024 * 1024


def observe(fields):
    """Content (text where it's UTF-8), owner, group and mode; None when there's nothing, or a link."""
    path = fields["path"]
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(status.st_mode):
        raise Failed("'{}' is a directory".format(path))
    if fields.get("absent"):
        return {}
    if stat.S_ISLNK(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        raise Failed("'{}' is a device, a pipe or a socket".format(path))
    state = files.ownership(status, fields)
    if "content" in fields:
        state["content"] = fields["content"] if fields.get("create_only") else _read(path, status, fields["content"])
    return state


def _read(path, status, wanted):
    if status.st_size > LARGE:
        return wanted if _is_large(path, status, _bytes(wanted)) else "({} bytes)".format(status.st_size)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read()
    if isinstance(wanted, bytes):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _is_large(path, status, wanted):
    """Whether a file has this content, which is never in memory twice."""
    import hashlib  # few files are large, and this costs more than many small ones

    from cdconf.agent.tree import sha256_file

    return status.st_size == len(wanted) and sha256_file(path) == hashlib.sha256(wanted).hexdigest()


def _bytes(content):
    return content if isinstance(content, bytes) else content.encode("utf-8")


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
    data = _bytes(fields.get("content", ""))
    files.write_atomic(path, data, fields.get("owner"), fields.get("group"), fields.get("mode"), fields.get("validate"))
