"""A stage's log: a file beside the run, of limited size, then an object of the store."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.pipeline.record import LOG

if TYPE_CHECKING:
    from cdconf.artifacts.places import Place

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
        self._tail: deque[str] = deque(maxlen=TAIL)

    def add(self, line: str) -> None:
        """Adds a line."""
        text = f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n"
        with self._lock:
            self._tail.append(line)
            if self._size + len(text) <= FIRST:
                self._size += len(text)
                self._stream.write(text)
                self._stream.flush()
                return
            self._end.append(text)
            self._end_size += len(text)
            while self._end_size > LAST:
                self._end_size -= len(self._end.popleft())
                self._left_out += 1

    def tail(self) -> list[str]:
        """The last lines."""
        with self._lock:
            return list(self._tail)

    def keep(self, place: Place) -> str:
        """Puts it into the store; returns the object's name. Raises `ArtifactError` where that can't be."""
        with self._lock:
            if self._left_out:
                self._stream.write(f"[{self._left_out} lines are left out here]\n")
            self._stream.writelines(self._end)
            self._stream.close()
        name = f"{LOG}{hashlib.sha256(self._file.read_bytes()).hexdigest()}.txt"
        place.put(name, self._file)
        return name
