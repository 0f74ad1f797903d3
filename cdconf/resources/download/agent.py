"""Observes and applies files that the host fetches."""

import os
import stat

from cdconf.agent import fetch, files
from cdconf.agent.base import Failed, Missing
from cdconf.agent.tree import sha256_of


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
        raise Failed("'{}' is not a regular file".format(fields["path"]))
    if fields.get("absent"):
        return {}
    descriptor = folder.open(name, fields.get("owner"))
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return dict(files.ownership(status, fields), sha256=sha256_of(stream))


def apply(fields, difference):
    """Removes it, fetches it, or only changes owner and mode."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        files.remove(path)
        return
    if "exists" not in difference and "sha256" not in difference:
        files.set_ownership(path, difference, fields.get("owner"))
        return
    with files.replacing(path, fields.get("owner"), fields.get("group"), fields.get("mode")) as stream:
        fetch.fetch(
            fields["url"], stream, fields["sha256"], fields.get("headers"), fields["timeout"], fields.get("proxy")
        )
        if "validate" in fields:
            files.check_stream(fields["validate"], path, stream)
