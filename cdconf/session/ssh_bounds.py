"""What a server may send before and beside what's asked of it: Paramiko by itself would keep all of it in memory."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

from paramiko import SSHException, Transport
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA, MSG_CHANNEL_OPEN, MSG_KEXINIT
from paramiko.packet import Packetizer

GREETING = 64 * 1024  # bytes before the line with which the protocol begins
PACKET = 512 * 1024  # bytes; RFC 4253, 6.1 asks for 35,000, OpenSSH takes 256 KiB
UNANSWERED = "the server doesn't say whether it takes the command"
BESIDE = 5_000  # messages of up to 256 bytes that aren't a channel's data, at once; larger ones count for several
BESIDE_A_SECOND = 50
_REKEY = 200  # such messages that an exchange of keys counts for: it costs as much
_PART = 256
_DATA = (bytes([MSG_CHANNEL_DATA]), bytes([MSG_CHANNEL_EXTENDED_DATA]))
UNASKED = 10  # channels that a server opens
UNREAD = 8 * 1024 * 1024  # bytes of a channel that nobody has read yet; the window that it's given is 2 MiB


class Packets(Packetizer):
    """Packets of bounded size, after a greeting of bounded size and time, and not too many that carry nothing.

    A server that sends those without end would keep the only thread busy that Python has at a time.
    """

    _began: float | None = None
    _greeting = 0
    _beside = 0

    def read_message(self) -> tuple[int, Any]:
        """The next packet's kind and content."""
        kind, message = super().read_message()
        if kind not in (MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA):
            self._beside += _REKEY if kind == MSG_KEXINIT else 1 + message.packet.getbuffer().nbytes // _PART
            allowed = BESIDE + BESIDE_A_SECOND * (time.monotonic() - (self._began or 0.0))
            if self._beside > allowed:
                raise SSHException("it goes on sending what nobody has asked for")
        return kind, message

    def send_message(self, data: Any) -> None:
        """Sends a packet; what a server gets may be acknowledged."""
        if data.packet.getbuffer()[:1] in _DATA:
            self._beside = max(self._beside - 1, -1000)
        super().send_message(data)

    def readline(self, timeout: float) -> str:
        """A line of the greeting; the first call's time limit is that of all lines."""
        if self._began is None:
            self._began, self._within = time.monotonic(), timeout
        rest: bytes = self._Packetizer__remainder  # type: ignore[has-type]
        while b"\n" not in rest:
            left = self._began + self._within - time.monotonic()
            if left <= 0 or self._greeting > GREETING:
                raise SSHException(": its greeting doesn't end")
            more = self._read_timeout(min(left, timeout))  # type: ignore[attr-defined]
            self._greeting += len(more)
            rest += more
        line, _, self._Packetizer__remainder = rest.partition(b"\n")
        return line.removesuffix(b"\r").decode("utf-8", "replace")

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """So many bytes."""
        if n > PACKET:
            raise SSHException("it sends a packet that's larger than any may be")
        return super().read_all(n, check_rekey)


class RequestAnswer(threading.Event):
    """Whether a channel's request was answered; Paramiko itself would wait for that for ever.

    Args:
        within: Seconds.
    """

    def __init__(self, within: float) -> None:
        super().__init__()
        self._within = within

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for it; raises `SSHException` when it doesn't come."""
        if not super().wait(self._within if timeout is None else timeout):
            raise SSHException(f"{UNANSWERED} within {self._within:g} s")
        return True


def _feed(channel: Any, message: Any) -> None:
    _check(channel)
    channel._feed(message)


def _feed_extended(channel: Any, message: Any) -> None:
    _check(channel)
    channel._feed_extended(message)


def _check(channel: Any) -> None:
    """Ends a connection on which more is sent than there's a window for (RFC 4254, 5.2)."""
    if len(channel.in_buffer) + len(channel.in_stderr_buffer) > UNREAD:
        raise SSHException("it sends more than it was allowed to")


def _refusing(transport: Any) -> Callable[[Any], None]:
    """Handles a channel that the server opens; only forwarded ports, agents and X11 have such."""
    opened = itertools.count(1)

    def open_channel(message: Any) -> None:
        asked = transport._tcp_handler or transport._x11_handler or transport._forward_agent_handler
        if not asked and next(opened) > UNASKED:
            raise SSHException("it opens channels that nobody has asked for")
        transport._parse_channel_open(message)

    return open_channel


def bounded(kind: type[Transport], sock: Any, **options: Any) -> Transport:
    """A connection of a class of Paramiko's, with these bounds."""
    transport = kind(sock, packetizer_class=Packets, **options)
    table = dict(transport._channel_handler_table)  # type: ignore[attr-defined]
    table |= {MSG_CHANNEL_DATA: _feed, MSG_CHANNEL_EXTENDED_DATA: _feed_extended}
    transport._channel_handler_table = table  # type: ignore[attr-defined]
    transport._handler_table[MSG_CHANNEL_OPEN] = _refusing(transport)  # type: ignore[attr-defined]
    return transport
