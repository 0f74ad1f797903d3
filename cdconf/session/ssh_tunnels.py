"""A connection to a jump host: many threads open channels through it at once.

Paramiko keeps one failure per connection: of two channels that are refused at the same time, each may be told the
other's reason, or none. Here each gets its own.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from paramiko import ChannelException, Message, Transport
from paramiko.common import CONNECTION_FAILED_CODE


class Tunnels(Transport):
    """See the module; made by Paramiko's SSHClient in place of its own."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self._refusals: dict[int, ChannelException] = {}
        self._asked = threading.local()
        super().__init__(*arguments, **keywords)

    def _next_channel(self) -> int:
        """The number of the channel that this thread is about to ask for."""
        number: int = super()._next_channel()  # type: ignore[misc]
        self._asked.number = number
        return number

    def get_exception(self) -> Exception | None:
        """Why the channel that this thread has asked for was refused; else what has become of the connection."""
        refusal = self._refusals.pop(getattr(self._asked, "number", -1), None)
        return refusal or super().get_exception()

    def _parse_channel_open_failure(self, message: Message) -> None:
        number, reason = message.get_int(), message.get_int()  # RFC 4254, 5.1
        self._refusals[number] = ChannelException(reason, CONNECTION_FAILED_CODE.get(reason, "(unknown code)"))
        message.rewind()
        super()._parse_channel_open_failure(message)  # type: ignore[misc]


class Tunnel:
    """A channel that is another connection's socket. Closing it is no error when the jump host has gone before.

    The other connection's thread closes it last of all, where an error would be a traceback on the terminal.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def close(self) -> None:
        """Closes the channel."""
        with contextlib.suppress(EOFError, OSError):
            self._channel.close()
