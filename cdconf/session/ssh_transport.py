"""The agent's channel over SSH."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from cdconf.session.transport import WORDS, TransportClosed, TransportSilent


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
        try:
            self._channel.sendall(data)
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
        with contextlib.suppress(Exception):
            self._channel.close()
        with contextlib.suppress(Exception):
            self._connection.close()
