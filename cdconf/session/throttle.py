"""Connection starts to one address: few at once, fewer when its server drops some.

sshd's default `MaxStartups 10:30:100` drops connections at random once ten haven't logged in yet; administrators
set less. What a server bears isn't known before it drops one: the limit is halved each time.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ONCE = 8


class _Gate:
    """How many connections to one address may be starting."""

    def __init__(self) -> None:
        self.free = threading.Condition()
        self.limit = AT_ONCE
        self.starting = 0


class Starts:
    """The gates of all addresses of a run; safe for threads."""

    def __init__(self) -> None:
        self._gates: dict[str, _Gate] = {}
        self._lock = threading.Lock()

    def _gate(self, address: str) -> _Gate:
        with self._lock:
            return self._gates.setdefault(address, _Gate())

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Waits for a place among the connections that are starting, and holds it."""
        gate = self._gate(address)
        with gate.free:
            gate.free.wait_for(lambda: gate.starting < gate.limit)
            gate.starting += 1
        try:
            yield
        finally:
            with gate.free:
                gate.starting -= 1
                gate.free.notify()

    def dropped(self, address: str) -> None:
        """The server closed a connection that was starting."""
        gate = self._gate(address)
        with gate.free:
            gate.limit = max(1, gate.limit // 2)

    def limit(self, address: str) -> int:
        """How many may start at once now."""
        return self._gate(address).limit
