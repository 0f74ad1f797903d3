"""How a watch is told to end: the first signal lets the run in hand end, a second one ends that run, too.

Whatever is waited for is waited for on a pipe, since a signal may come at any moment between a look and a wait.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from types import FrameType
from typing import Any

from cdconf.errors import OK, Interrupted, Terminated

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Ending:
    """Counts the signals that ask for the end; a context, in the main thread.

    Attributes:
        asked: How often somebody has asked.
        code: What the watch exits with; 0 while nobody has asked.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.code = OK
        self._before: dict[signal.Signals, Any] = {}
        self._read, self._write = os.pipe()
        for one in (self._read, self._write):
            os.set_blocking(one, False)

    def __enter__(self) -> Ending:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:  # nohup wants the watch to go on
                self._before[number] = before
                signal.signal(number, self._heard)
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        os.close(self._read)
        os.close(self._write)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:  # a shell tells its programs so twice, which isn't a second wish
            signal.signal(number, lambda *_: None)
        self.asked += 1
        self.code = Interrupted.exit_code if number == signal.SIGINT else Terminated.exit_code
        self.wake()

    def wake(self) -> None:
        """Ends a wait; from any thread."""
        with contextlib.suppress(OSError):  # full: somebody is being woken already
            os.write(self._write, b"\0")

    def wait(self, seconds: float) -> None:
        """Waits so long, or until somebody wakes it."""
        until = time.monotonic() + max(0.0, seconds)
        while (left := until - time.monotonic()) > 0:
            if select.select([self._read], [], [], left)[0]:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._read, 4096)
                return
