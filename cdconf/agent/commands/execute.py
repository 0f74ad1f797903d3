"""Runs commands on this host: what they return, the environment and the user that they run with."""

import time

from cdconf.agent import texts
from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Result(object):
    """What a command returned: `status` (negative: killed by that signal), `out` and `err` (text)."""

    def __init__(self, status: "int", out: "str", err: "str") -> "None":
        self.status = status
        self.out = out
        self.err = err


def last_lines(text: "str", count: "int" = 15) -> "str":
    """The end of a command's output, which is where the reason stands."""
    return "\n".join(texts.strip(text).split("\n")[-count:])


def run_bytes(
    argv: "Sequence[str]",
    data: "bytes | None" = None,
    timeout: "float" = 600,
    env: "Mapping[str, str | bytes] | None" = None,
    user: "str | None" = None,
    cwd: "str | None" = None,
) -> "tuple[int, bytes, bytes]":
    """Runs a command without a shell, in its own process group; returns (status, out, err), the last 16 MiB of each.

    It has ended when its process has, whatever it has left running.

    Raises:
        Missing: The program or the user doesn't exist.
        Failed: (details `timed_out`) It took longer than `timeout` seconds; the whole group was ended.
    """
    # Most runs that change nothing start no process, and this import takes as long as all they do.
    from cdconf.agent.commands import process_groups

    tails = {"out": process_groups.Tail(), "err": process_groups.Tail()}
    deadline = time.monotonic() + timeout

    def proceed() -> "None":
        if time.monotonic() > deadline:
            raise Failed("still running after {:g} s, killed".format(timeout), details={"timed_out": True})

    process = process_groups.start(argv, data is not None, env, user, cwd)
    try:
        status = process_groups.pump(process, data, lambda name, chunk: tails[name].add(chunk), proceed)
    except Failed as error:
        error.command = " ".join(argv)
        error.output = last_lines((tails["out"].data() + tails["err"].data()).decode("utf-8", "replace"))
        raise
    finally:
        process_groups.end(process)
        process_groups.leave(process)
    return status, tails["out"].data(), tails["err"].data()


def printable(text: "str") -> "str":
    """The same text for people: bytes that weren't UTF-8 (they came as lone surrogates) are shown by their numbers."""
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def unspeakable(error: "UnicodeEncodeError") -> "Failed":
    """The `Failed` for a name that Python 3.6 can't hand to the kernel where there's no C.UTF-8 (CentOS 7)."""
    text = "Python 3.6 without a UTF-8 locale can't use the name {!a}; install the locale C.UTF-8, or a newer python3"
    return Failed(text.format(error.object))


def run(
    argv: "Sequence[str]",
    input: "str | None" = None,  # noqa: A002  the name that subprocess uses
    timeout: "float" = 600,
    env: "Mapping[str, str | bytes] | None" = None,
    user: "str | None" = None,
    cwd: "str | None" = None,
) -> "Result":
    """Like `run_bytes`, with text in and out (undecodable bytes are replaced)."""
    data = None if input is None else input.encode("utf-8")
    status, out, err = run_bytes(argv, data, timeout, env, user, cwd)
    return Result(status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def run_ok(
    argv: "Sequence[str]",
    input: "str | None" = None,  # noqa: A002  the name that subprocess uses
    timeout: "float" = 600,
    env: "Mapping[str, str | bytes] | None" = None,
    user: "str | None" = None,
    cwd: "str | None" = None,
) -> "Result":
    """Like `run`, but a status other than 0 raises `Failed` with the last lines of what it said."""
    result = run(argv, input, timeout, env, user, cwd)
    if result.status != 0:
        raise Failed(
            "{} failed".format(argv[0]),
            command=" ".join(argv),
            status=result.status,
            output=last_lines(result.err or result.out),
        )
    return result
