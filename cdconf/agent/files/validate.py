"""Validations: what a program says of new content before it goes live."""

import contextlib
import os

from cdconf.agent.commands import shell
from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed
from cdconf.agent.files.folder import is_root

_ROOTS_ALONE = "/var/lib/cdconf"


@contextlib.contextmanager
def private_copy(name, size=0):
    """A place for a program that takes a path: a file of that name in a directory of root's own.

    It's in memory, so that a killed run leaves nothing of it on a disk; where there's no room for it, it isn't.

    Args:
        name: The file's name, which some programs look at.
        size: Bytes that it'll have.
    """
    import tempfile

    folder = _ROOTS_ALONE if is_root() and os.path.isdir(_ROOTS_ALONE) else None
    if os.access("/run", os.W_OK):
        free = os.statvfs("/run")
        folder = "/run" if free.f_bavail * free.f_frsize > 2 * size else folder
    with tempfile.TemporaryDirectory(prefix="cdconf-validate-", dir=folder) as private:
        yield os.path.join(private, name)


def check_content(command, path, data):
    """Runs a validation on new content before it goes live.

    The candidate has the file's own name, in a private directory.

    Args:
        command: A command line; each `{}` in it becomes the candidate's path, quoted.
        path: Where the content is to go live.
        data: The content, bytes.

    Raises:
        Failed: The command's status isn't 0.
    """
    with private_copy(os.path.basename(path), len(data)) as candidate:
        with open(candidate, "wb") as stream:
            stream.write(data)
        _check(command, candidate, "the new content of '{}' didn't pass its validation, so it stays as it is", path)


def check_stream(command, path, stream):
    """Like `check_content`, for what was written to the stream of `replacing`."""
    import shutil

    stream.flush()
    with private_copy(os.path.basename(path), os.fstat(stream.fileno()).st_size) as candidate:
        with open(candidate, "wb") as target, os.fdopen(os.dup(stream.fileno()), "rb") as source:
            source.seek(0)
            shutil.copyfileobj(source, target, 1024 * 1024)
        stream.seek(0, os.SEEK_END)
        _check(command, candidate, "what was fetched for '{}' didn't pass its validation", path)


def _check(command, candidate, message, path):
    import shlex

    result = shell.run(command.replace("{}", shlex.quote(candidate)), timeout=60)
    if result.status != 0:
        raise Failed(
            message.format(path), command=command, status=result.status, output=last_lines(result.err or result.out)
        )
