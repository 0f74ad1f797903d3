"""Observes and applies files that the host fetches."""

import os
import stat

from cdconf.agent import files
from cdconf.agent.errors import Missing, in_the_way
from cdconf.agent.files import fetch
from cdconf.agent.release.tree import sha256_of

HOLLOW = 1024 * 1024 * 1024  # bytes below which it's read anyhow


def observe(fields):
    """The content's SHA-256, owner, group and mode; None when there's nothing, or a link."""
    try:
        with files.parent(fields["path"]) as (folder, name):
            return _observe(fields, folder, name)
    except Missing:
        return None


def _observe(fields, folder, name):
    status = folder.lstat(name)
    if status is None:
        return None
    if stat.S_ISLNK(status.st_mode):
        return {} if fields.get("absent") else None
    if not stat.S_ISREG(status.st_mode):
        raise in_the_way(fields["path"], "no regular file")
    if fields.get("absent"):
        return {}
    descriptor = folder.open(name, fields.get("owner"))
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        digest = sha256_of(stream) if folder.is_out_of_reach() or not _is_hollow(os.fstat(descriptor)) else None
        return dict(files.ownership(status, fields), sha256=digest)


def _is_hollow(status):
    """Whether it's nearly all holes, which a user makes at once, and root would read for hours; no download is so."""
    return status.st_size > HOLLOW and status.st_blocks * 512 < status.st_size // 8


def apply(fields, difference):
    """Removes it, fetches it, or only changes owner and mode."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        files.remove(path)
        return
    if "exists" not in difference and "sha256" not in difference:
        files.set_ownership(path, difference, fields.get("owner"), fields.get("mode"))
        return
    with files.replacing(path, fields.get("owner"), fields.get("group"), fields.get("mode")) as stream:
        fetch.fetch(
            fields["url"], stream, fields["sha256"], fields.get("headers"), fields["timeout"], fields.get("proxy")
        )
        if "validate" in fields:
            files.check_stream(fields["validate"], path, stream)
