"""Runs a command line that must end in time, for as long as its run goes on."""

import time

from cdconf.agent.commands import process_groups, shell
from cdconf.agent.commands.execute import last_lines
from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

KEPT = 64 * 1024  # bytes of output


def run(
    line: "str", within: "float", proceed: "Callable[[], object]", **about: "Any"
) -> "tuple[str | None, str, bool]":
    """Runs it, and ends it with all that it has started.

    Args:
        line: The command line.
        within: Seconds.
        proceed: Called now and then; what it raises ends the command.
        about: `env`, `user` and `cwd`, see `shell.start`.

    Returns:
        (in words how it failed, None if it didn't; the last lines that it printed; whether it could be started).
    """
    tail, deadline = process_groups.Tail(KEPT), time.monotonic() + within

    def go_on() -> "None":
        proceed()
        if time.monotonic() > deadline:
            raise Failed("was still running after {:g} s, and was ended".format(within))

    problem = process = None
    try:
        process = shell.start(line, **about)
        status = process_groups.pump(process, None, lambda _, chunk: tail.add(chunk), go_on)
        if status:
            problem = "failed with exit status {}".format(status) if status > 0 else "was killed: {}".format(-status)
    except Failed as error:
        problem = error.message if process is not None else "can't be started: " + error.message
    finally:
        if process is not None:
            process_groups.end(process)
            process_groups.leave(process)
    return problem, last_lines(tail.data().decode("utf-8", "replace")), process is not None
