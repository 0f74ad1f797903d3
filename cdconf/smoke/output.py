"""What tests print: they may print anything, and as much as they like, of which only the end is kept."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time

KEPT = 1 << 20  # bytes; the end says how tests ended
_PIECE = 65536  # bytes, as many as a pipe holds


class OutputPipe:
    """A pipe, of which `writing` is the tests' end.

    Nothing of it is in a file or in memory but what's kept, so that a test that prints without end fills neither.
    """

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        self._end = bytearray()
        self._open = True

    def given(self) -> None:
        """The tests have their end, and this process gives up its own."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    def close(self) -> None:
        """Gives up what's left of it."""
        self.given()
        os.close(self._reading)

    @property
    def readable(self) -> list[int]:
        """The descriptor to wait for; none once all have closed their ends."""
        return [self._reading] if self._open else []

    def until_ended(self, process: subprocess.Popen[bytes], timeout: float) -> bool:
        """Reads until a process has ended; returns whether that was in time."""
        deadline = time.monotonic() + timeout
        while process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._open:
                self.take(min(left, 0.1))
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(left)
        return True

    def take(self, wait: float = 0.0) -> bool:
        """Reads a piece, if there's one within some seconds; returns whether there was."""
        if not self._open or not select.select([self._reading], [], [], wait)[0]:
            return False
        data = os.read(self._reading, _PIECE)
        self._open = bool(data)
        self._end += data
        del self._end[:-KEPT]
        return bool(data)

    def text(self) -> str:
        """The end of what was printed; what others of the tests' processes go on printing isn't waited for."""
        left = 2  # pieces: what a pipe holds was printed before the end
        while left and self.take():
            left -= 1
        return self._end.decode("utf-8", "replace")
