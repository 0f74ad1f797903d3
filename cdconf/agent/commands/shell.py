"""Runs command lines by /bin/sh so that no process list shows them.

Everybody on a host can read the arguments of every process; the environment of one is for its own user and root. The
line goes in by the environment, and the shell takes it out of that before it begins, so that nothing it starts has it.
Input, exit status, `$0`, `$#` and the numbers of lines are those of `sh -c LINE`.
"""

import contextlib

from cdconf.agent.commands import execute
from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cdconf.agent.data.values import Process

NAME = "CDCONF_LINE"
PIECE = 100 * 1024  # bytes; the kernel takes 128 KiB in one variable (execve(2))
LIMIT = 1024 * 1024  # bytes; it takes 2 MiB in all variables and arguments


def words(line: "str") -> "tuple[list[str], dict[str, bytes]]":
    """(arguments, variables) with which a process runs a command line.

    Raises:
        Failed: No shell could get it.
    """
    data = line.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise Failed("a command line can't hold a NUL character")
    if len(data) > LIMIT:
        text = "a command line of {} bytes is too long, {} are the most: put it into a file"
        raise Failed(text.format(len(data), LIMIT))
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)] or [b""]
    variables = {"{}{}".format(NAME, number): piece for number, piece in enumerate(pieces)}
    names = ["{}{}".format(NAME, number) for number in range(len(pieces))]
    text = 'eval "unset {}; {}"'.format(" ".join(names), "".join("${%s}" % name for name in names))
    return ["/bin/sh", "-c", text], variables


def start(
    line: "str",
    has_input: "bool" = False,
    env: "Mapping[str, str | bytes] | None" = None,
    user: "str | None" = None,
    cwd: "str | None" = None,
) -> "Process":
    """Like `piped.start`, for a command line."""
    from cdconf.agent.commands import process_groups

    argv, variables = words(line)
    with _told(line):
        return process_groups.start(argv, has_input, dict(env or {}, **variables), user, cwd)


def run_bytes(
    line: "str",
    data: "bytes | None" = None,
    timeout: "float" = 600,
    env: "Mapping[str, str | bytes] | None" = None,
    user: "str | None" = None,
    cwd: "str | None" = None,
) -> "tuple[int, bytes, bytes]":
    """Like `base.run_bytes`, for a command line."""
    argv, variables = words(line)
    with _told(line):
        return execute.run_bytes(argv, data, timeout, dict(env or {}, **variables), user, cwd)


def run(
    line: "str",
    timeout: "float" = 600,
    env: "Mapping[str, str | bytes] | None" = None,
    user: "str | None" = None,
    cwd: "str | None" = None,
) -> "execute.Result":
    """Like `base.run`, for a command line."""
    status, out, err = run_bytes(line, None, timeout, env, user, cwd)
    return execute.Result(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


@contextlib.contextmanager
def _told(line: "str") -> "Iterator[None]":
    """In errors the command is the line, as people have written it."""
    try:
        yield
    except Failed as error:
        if error.command is not None:
            error.command = line
        raise
