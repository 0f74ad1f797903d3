"""A stage's log: a file beside the run, of limited size, then an object of the store."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import ArtifactError
from cdconf.pipeline.record import LOG

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend

FIRST, LAST = 1024 * 1024, 1024 * 1024  # bytes that are kept of its beginning and of its end
TAIL = 20  # lines that people are shown


class StageLog:
    """Takes lines; safe for threads. Whoever gives them has masked them.

    Args:
        file: Where it lies until it's stored.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream = file.open("w", encoding="utf-8", errors="replace")
        self._lock = threading.Lock()
        self._size = 0
        self._end: deque[str] = deque()
        self._end_size = 0
        self._left_out = 0
        self._broken: OSError | None = None
        self._tail: deque[str] = deque(maxlen=TAIL)

    def add(self, line: str) -> None:
        """Adds a line. Where it can't be written, as on a full disk, the stage goes on, and `keep` says so."""
        text = f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n"
        with self._lock:
            self._tail.append(line)
            size = _bytes(text)
            if self._size + size <= FIRST:
                self._size += size
                self._write(text)
                return
            self._end.append(text)
            self._end_size += size
            while self._end_size > LAST:
                self._end_size -= _bytes(self._end.popleft())
                self._left_out += 1

    def _write(self, text: str) -> None:
        if self._broken is None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except OSError as error:
                self._broken = error

    def tail(self) -> list[str]:
        """The last lines."""
        with self._lock:
            return list(self._tail)

    def keep(self, place: Backend) -> str:
        """Puts it into the store; returns the object's name. Raises `ArtifactError` where that can't be."""
        with self._lock:
            if self._left_out:
                self._write(f"[{self._left_out} lines are left out here]\n")
            self._write("".join(self._end))
            try:
                self._stream.close()
            except OSError as error:  # what couldn't be written is tried once more
                self._broken = self._broken or error
        if self._broken is not None:
            raise ArtifactError(f"{self._file} couldn't be written: {self._broken.strerror}")
        name = f"{LOG}{hashlib.sha256(self._file.read_bytes()).hexdigest()}.txt"
        place.put(name, self._file)
        return name


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
