"""Observes and applies files that the host fetches."""

import os
import shlex
import stat

from cdconf.agent import fetch, files
from cdconf.agent.base import Failed, last_lines, run
from cdconf.agent.tree import sha256_file


def observe(fields):
    """The content's SHA-256, owner, group and mode; None when there's nothing, or a link."""
    path = fields["path"]
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return {} if fields.get("absent") else None
    if not stat.S_ISREG(status.st_mode):
        raise Failed("'{}' is not a regular file".format(path))
    if fields.get("absent"):
        return {}
    return dict(files.ownership(status, fields), sha256=sha256_file(path))


def apply(fields, difference):
    """Removes it, fetches it, or only changes owner and mode."""
    path = fields["path"]
    if difference.get("exists") == (True, False):
        os.unlink(path)
        files.fsync_directory(os.path.dirname(path))
        return
    if "exists" not in difference and "sha256" not in difference:
        files.set_ownership(path, difference)
        return
    with files.replacing(path, fields.get("owner"), fields.get("group"), fields.get("mode")) as stream:
        fetch.fetch(
            fields["url"], stream, fields["sha256"], fields.get("headers"), fields["timeout"], fields.get("proxy")
        )
        if "validate" in fields:
            stream.flush()
            _validate(fields["validate"], stream.name, path)


def _validate(command, candidate, path):
    """The candidate is the temporary file itself: it's too large for memory, and holds no secret of ours."""
    result = run(["/bin/sh", "-c", command.replace("{}", shlex.quote(candidate))], timeout=60)
    if result.status != 0:
        raise Failed(
            "what was fetched for '{}' didn't pass its validation".format(path),
            command=command,
            status=result.status,
            output=last_lines(result.err or result.out),
        )
