"""The agent's channel over SSH."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from cdconf.session.transport import CLOSE_WITHIN, WORDS, WRITE_WITHIN, TransportClosed, TransportSilent

_PIECE = 256 * 1024  # bytes that are handed to Paramiko at once


class SshTransport:
    """See `Transport`.

    Args:
        connection: See `Connection`; closed with the transport.
        channel: Paramiko's, with the command started.
    """

    def __init__(self, connection: Any, channel: Any) -> None:
        self._connection = connection
        self._channel = channel
        self._words = b""

    def write(self, data: bytes) -> None:
        ends = time.monotonic() + WRITE_WITHIN
        view = memoryview(data)
        try:
            while view:
                sent = self._channel.send(view[:_PIECE])  # at most what its time limit allows
                if not sent:
                    raise OSError("Socket is closed")
                view = view[sent:]
                if view and time.monotonic() > ends:
                    raise TransportClosed(f"it takes too long to take what it's sent: {WRITE_WITHIN:g} s")
        except (OSError, EOFError) as error:
            raise TransportClosed(self._connection.severed() or self.last_words() or str(error)) from error

    def read(self, limit: int, timeout: float) -> bytes:
        self._listen()
        self._channel.settimeout(timeout)
        try:
            data: bytes = self._channel.recv(limit)
        except TimeoutError as error:
            raise TransportSilent(self._doubts()) from error
        except (OSError, EOFError) as error:
            raise TransportClosed(self._connection.severed() or str(error)) from error
        lost = self._connection.severed() if not data else None
        if lost is not None:
            raise TransportClosed(lost)
        return data

    def _doubts(self) -> str:
        """Who may be to blame when nothing comes."""
        names = [name for _, name in self._connection.way()]
        if not names:
            return "it hangs, or the network swallows packets"
        return f"it hangs, or the network swallows packets on the way through the jump host {', '.join(names)}"

    def _listen(self) -> None:
        """Takes stderr off the channel: left there, it would use up the window that stdout needs as well."""
        while self._channel.recv_stderr_ready():
            self._words = (self._words + self._channel.recv_stderr(WORDS))[-WORDS:]

    def heard(self) -> str:
        with contextlib.suppress(OSError, EOFError):
            self._listen()
        return self._words.decode("utf-8", "replace").strip()

    def last_words(self) -> str:
        deadline = time.monotonic() + 0.3
        with contextlib.suppress(OSError, EOFError):
            while time.monotonic() < deadline:
                self._channel.settimeout(0.3)
                more = self._channel.recv_stderr(WORDS)
                if not more:
                    break
                self._words = (self._words + more)[-WORDS:]
        return self.heard()

    def status(self) -> int | None:
        if not self._channel.status_event.wait(0.3):  # it may come a moment after the last output
            return None
        status: int = self._channel.recv_exit_status()
        return status if status >= 0 else None

    def close(self) -> None:
        """A goodbye waits for a server that doesn't take it, so that it's not waited for."""
        goodbye = threading.Thread(target=self._say_goodbye, daemon=True)
        goodbye.start()
        goodbye.join(CLOSE_WITHIN)
        self._connection.sever()

    def _say_goodbye(self) -> None:
        with contextlib.suppress(Exception):
            self._channel.close()
        with contextlib.suppress(Exception):
            self._connection.close()
