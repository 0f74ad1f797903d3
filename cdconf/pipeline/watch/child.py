"""One run of the pipeline, as a process of its own: if it crashes, the watch goes on.

It's this very cdconf, with this very Python: what a commit has of that name is never imported (`-P`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

LARGEST = 64 * 1024 * 1024  # bytes of the run's document that are read


def command(root: Path, commit: str) -> list[str]:
    """The argument list of a commit's run."""
    run = ["pipeline", "run", "--commit", commit, "--json", "--project", str(root)]
    return [sys.executable, "-P", "-m", "cdconf", *run]


@dataclass(frozen=True)
class ChildEnd:
    """How a run ended.

    Attributes:
        code: Its exit code; negative: the signal that ended it.
        why: What it says of that, for people; empty when all went well.
        hint: What to do.
    """

    code: int
    why: str = ""
    hint: str = ""


class Child:
    """A run that's at work.

    Args:
        arguments: The argument list.
        when_ended: Called from another thread when it has ended.

    Raises:
        OSError: It can't be started.
    """

    def __init__(self, arguments: Sequence[str], when_ended: Callable[[], None]) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by `result`
        try:
            # In a session of its own, so that Ctrl-C in a terminal is the watch's alone.
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=self._output, start_new_session=True
            )
        except OSError:
            self._output.close()
            raise
        self._when_ended = when_ended
        self._waiting = threading.Thread(target=self._wait, name="cdconf-watch-child", daemon=True)
        self._waiting.start()

    def _wait(self) -> None:
        self._process.wait()
        self._when_ended()

    @property
    def is_at_work(self) -> bool:
        """Whether it hasn't ended yet."""
        return self._waiting.is_alive() and self._process.returncode is None

    def end(self) -> None:
        """Asks it to end, as Ctrl-C would: it rolls back what it's at."""
        if self.is_at_work:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)

    def result(self) -> ChildEnd:
        """How it ended; waits for that."""
        self._waiting.join()
        with self._output:
            self._output.seek(0)
            return read(self._process.returncode, self._output.read(LARGEST))


def read(code: int, output: bytes) -> ChildEnd:
    """How a run ended, by its exit code and its document."""
    if code < 0:
        return ChildEnd(code, f"the run was ended by {_signal(-code)}")
    error: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(output)
        error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return ChildEnd(code, error["message"], error["hint"] if isinstance(error.get("hint"), str) else "")
    return ChildEnd(code, "" if code == 0 else f"the run ended with exit code {code}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
