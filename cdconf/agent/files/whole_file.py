"""Configuration files that are cdconf's alone: one resource, one whole file, root's."""

import errno
import os
import stat

from cdconf.agent import files
from cdconf.agent.errors import Failed, in_the_way


def observe(path):
    """Content and mode of a file; None when there's nothing, or a link (applying replaces it by a file).

    The mode of a file that isn't root's names its owner too (`0644 bob:bob`), so that it's never the wanted one.

    Raises:
        Missing: The directory isn't there: the program that reads it isn't installed.
        Failed: It's something else than a file.
    """
    with files.parent(path) as (folder, name):
        status = folder.lstat(name)
    if status is None:
        return None
    if stat.S_ISLNK(status.st_mode):
        return {"content": None, "mode": "a link"}
    if not stat.S_ISREG(status.st_mode):
        raise in_the_way(path, "no regular file")
    mode = files.mode_text(status.st_mode)
    if (status.st_uid, status.st_gid) != (0, 0):
        mode += " {}:{}".format(files.owner_name(status.st_uid), files.group_name(status.st_gid))
    return {"content": read_text(path), "mode": mode}


def read_text(path):
    """A file's text, byte for byte; what isn't UTF-8 survives as surrogates. Links that may be are followed."""
    try:
        data = files.read(path, follow=True)
    except Failed:
        if files.readlink(path) == os.devnull:  # a masked unit
            return ""
        raise
    if data is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return data.decode("utf-8", "surrogateescape")


def read_or_empty(path):
    """Like `read_text`; empty when there's no such file."""
    try:
        return read_text(path)
    except FileNotFoundError:
        return ""


def to_bytes(text):
    """The reverse of `read_text`."""
    return text.encode("utf-8", "surrogateescape")


def write(path, content, mode, validate=None):
    """Replaces the file, root's."""
    files.write_atomic(path, to_bytes(content), "root", "root", mode, validate)


def edit(path, text):
    """Replaces a file that cdconf shares with people, keeping owner and mode."""
    files.write_atomic(path, to_bytes(text))


def remove(path):
    """Removes the file, if it's there."""
    files.remove(path)
