"""How many hosts are worked on at once: one whose handshake is slow lends its place to another."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LATE = 2.0  # seconds for which a host that's still being connected to keeps its place from others


class Places:
    """The places of one job on many hosts; safe for threads.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._changed = threading.Condition()
        self._until: dict[str, float | None] = {}  # host -> when its place is lent; None: it's at work
        self._is_closed = False

    def take(self, host: str) -> bool:
        """Waits for a place for a host; False once all places are closed."""
        with self._changed:
            self._wait(host)
            if not self._is_closed:
                self._until[host] = None
            return not self._is_closed

    def give(self, host: str) -> None:
        """The host's job is done."""
        with self._changed:
            del self._until[host]
            self._changed.notify_all()

    @contextlib.contextmanager
    def waiting(self, host: str, keeps: float = LATE) -> Iterator[None]:
        """While a host's job only waits; a place that was lent meanwhile is waited for again.

        Args:
            host: It has a place.
            keeps: Seconds for which it isn't lent.
        """
        with self._changed:
            self._until[host] = time.monotonic() + keeps
            self._changed.notify_all()
        yield  # where this raises, the job is over, and needs no place
        with self._changed:
            self._wait(host)
            self._until[host] = None

    def close(self) -> None:
        """No host gets a place any more, and nobody waits for one."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _wait(self, host: str) -> None:
        while not self._is_closed:
            now = time.monotonic()
            others = [until for name, until in self._until.items() if name != host and (until is None or until > now)]
            if len(others) < self._count:
                return
            lent = min((until for until in others if until is not None), default=None)
            self._changed.wait(None if lent is None else lent - now)
