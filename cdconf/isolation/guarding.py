"""A process that outlives this one for a moment, to end what this one has started: see `cdconf.isolation.guard`."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from cdconf.isolation import guard

_MARK = "CDCONF_GUARDED"
_PROGRAM = Path(__file__).with_name("guard.py")


class GuardProcess:
    """The process, while it's needed.

    Args:
        user: Everything that this user runs is ended; None: only what has the mark.
        lock: A descriptor that says that the user is taken; it stays open until all has ended.

    Attributes:
        mark: Environment variables for what has to end with this process.
    """

    def __init__(self, user: int | None = None, lock: int | None = None) -> None:
        self.mark = {_MARK: secrets.token_hex(8)}
        (mark,) = (f"{name}={value}" for name, value in self.mark.items())
        self._mark = os.fsencode(mark)
        # -I and -S: it starts in a few milliseconds, and imports nothing that the project or its user could bring.
        command = [sys.executable, "-I", "-S", str(_PROGRAM), mark, *([] if user is None else [str(user)])]
        self._process = subprocess.Popen(
            command,
            cwd="/",
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[] if lock is None else [lock],
            start_new_session=True,  # Ctrl-C is the controller's
        )

    def end(self) -> None:
        """Kills what was started with the mark, also what has left its session; only where there's a /proc."""
        with contextlib.suppress(FileNotFoundError):
            guard.end_marked(self._mark)

    def close(self) -> None:
        """Everything has ended."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b"done\n")
                self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> GuardProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
