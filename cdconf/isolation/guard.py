"""Ends what a controller has started once that one is gone, whatever has killed it. The standard library alone.

Run by `cdconf.isolation.guarding` as `python -I -S guard.py MARK [USER]`, with a pipe on stdin that only the controller
holds. `done` in it says that nothing is left to do. Else everything is killed that the user runs, or that was started
with the mark among its environment variables.
"""

import contextlib
import os
import signal
import sys
import time

_PATIENCE = 30.0  # seconds


def marked(mark: bytes) -> list[int]:
    """The processes that were started with a mark in their environment, and live."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  pathlib takes longer to import than all of this
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as stream:  # noqa: PTH123
                if mark in stream.read().split(b"\0"):
                    found.append(int(name))
    return found


def end_marked(mark: bytes) -> None:
    """Kills them, until there are none."""
    deadline = time.monotonic() + _PATIENCE
    while (found := marked(mark)) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def end_user(user: int) -> None:
    """Kills all that a user runs; this process is root's."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            os.getpriority(os.PRIO_USER, user)
        except ProcessLookupError:
            return
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)  # all that this user may signal, faster than any process can fork
            os._exit(0)
        os.waitpid(child, 0)
        time.sleep(0.02)


def main(mark: str, user: str | None = None) -> None:
    """Waits for the controller's end."""
    if sys.stdin.readline() == "done\n":
        return
    end_marked(os.fsencode(mark))
    if user is not None:
        end_user(int(user))


if __name__ == "__main__":
    main(*sys.argv[1:])
