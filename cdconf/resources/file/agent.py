"""Observes and applies files."""

import os
import stat

from cdconf.agent import files
from cdconf.agent.errors import Missing, in_the_way

# Above this a file's content isn't read into memory: it's compared by its hash.
LARGE = 16 * 1024 * 1024


def observe(fields):
    """Content (text where it's UTF-8), owner, group and mode; None when there's nothing, or a link."""
    try:
        with files.parent(fields["path"]) as (folder, name):
            return _observe(fields, folder, name)
    except NoContent as error:
        if fields.get("must_exist") is False and error.is_missing:
            return dict(fields, note="isn't there")
        raise
    except Missing:
        return dict(fields, note="isn't there") if fields.get("must_exist") is False else None


def _observe(fields, folder, name):
    path, status = fields["path"], folder.lstat(name)
    bare = "content" not in fields and not fields.get("absent")
    if bare and (status is None or stat.S_ISLNK(status.st_mode)):
        raise NoContent(path, status)
    if status is None:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise in_the_way(path, "a directory")
    if fields.get("absent"):
        return {}
    if stat.S_ISLNK(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        raise in_the_way(path, "a device, a pipe or a socket")
    state = files.ownership(status, fields)
    if "content" in fields:
        if fields.get("create_only"):
            state["content"] = fields["content"]
        else:
            descriptor = folder.open(name, fields.get("owner"))
            if descriptor is None:
                return None
            state["content"] = _read(descriptor, fields["content"])
    return state


class NoContent(Missing):
    """Nothing is there whose owner and mode could be managed, and nobody said what's to be in it."""

    def __init__(self, path, status):
        Missing.__init__(self, "file", path)
        what = self.message if status is None else "'{}' is a link, and no file".format(path)
        self.is_missing = status is None
        self.message = what + ', and the resource says nothing of its content; `content: ""` makes an empty one'


def _read(descriptor, wanted):
    try:
        size = os.fstat(descriptor).st_size
        if size > LARGE:
            return wanted if _is_large(descriptor, size, _bytes(wanted)) else "({} bytes)".format(size)
        data = os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)
    if isinstance(wanted, bytes):
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _is_large(descriptor, size, wanted):
    """Whether a file has this content, which is never in memory twice."""
    import hashlib  # few files are large, and this costs more than many small ones

    from cdconf.agent.release.tree import sha256_of

    if size != len(wanted):
        return False
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        return sha256_of(stream) == hashlib.sha256(wanted).hexdigest()


def _bytes(content):
    return content if isinstance(content, bytes) else content.encode("utf-8")


def apply(fields, difference):
    """Removes, replaces, or only changes owner and mode."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        files.remove(path)
        return
    if "exists" not in difference and "content" not in difference:
        files.set_ownership(path, difference, fields.get("owner"), fields.get("mode"))
        return
    if "content" not in fields:
        raise NoContent(path, files.lstat(path))
    data = _bytes(fields["content"])
    files.write_atomic(path, data, fields.get("owner"), fields.get("group"), fields.get("mode"), fields.get("validate"))
