"""Ends connections whose server has fallen silent.

The limits that a connection sets for its statements are kept by the server: one that's frozen, or behind a network that
swallows packets, keeps none, and psycopg would wait for ever.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError

if TYPE_CHECKING:
    import sqlalchemy as sa

SILENCE = 35.0  # seconds: more than the server lets a statement take


class ConnectionWatch:
    """Watches an engine's connection, of which there's one at a time, for as long as it's in use.

    Args:
        engine: Of PostgreSQL.
        shown: What's said to be silent: the database's URL, without a password.
    """

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        import sqlalchemy as sa

        self._shown = shown
        self._socket: int | None = None
        self._timer: threading.Timer | None = None
        self._was_silent = False
        for event in ("connect", "checkout"):
            sa.event.listen(engine, event, self._begin)
        for event in ("before_cursor_execute", "after_cursor_execute", "commit", "rollback"):
            sa.event.listen(engine, event, self._go_on)
        for event in ("checkin", "close", "invalidate"):
            sa.event.listen(engine, event, self._end)
        sa.event.listen(engine, "handle_error", self._explain)

    def _begin(self, connection: Any, *_: object) -> None:
        self._socket = connection.fileno()
        self._go_on()

    def _go_on(self, *_: object) -> None:
        """Each word between the two begins the time anew."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(SILENCE, self._hang_up, [self._socket])
        self._timer.daemon = True
        self._timer.start()

    def _end(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self, descriptor: int) -> None:
        """Whoever waits for the server reads an end."""
        self._was_silent = True
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as ours:
            ours.shutdown(socket.SHUT_RDWR)

    def _explain(self, _: sa.engine.ExceptionContext) -> BaseException | None:
        if not self._was_silent:
            return None
        text = f"the history database can't be read: it said nothing for {SILENCE:g} s: it hangs"
        return CdconfError(text, hint=f"it's {self._shown}")
