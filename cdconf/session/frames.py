"""Reads a host's frames, which may be anything: each is bounded in size, time and memory before it's parsed."""

from __future__ import annotations

import binascii
import json
import time
import zlib
from typing import TYPE_CHECKING, Any, NoReturn

from cdconf.agent import wire
from cdconf.session.limits import SILENCE, SLOWEST
from cdconf.session.transport import TransportSilent

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.session.transport import Transport

LARGEST = 8 * 1024 * 1024  # bytes of a frame, as it comes and inflated
HEAVIEST = 24 * 1024 * 1024  # bytes of memory for what's parsed of one, by estimation
# What a character that opens or separates costs at most, in CPython 3.11 to 3.13: an object, a list, a member and its
# slot, a key with its entry. Those within texts are counted as well: the estimation is too high rather than too low.
_WEIGHTS = ((b"{", 280), (b"[", 100), (b",", 80), (b":", 130))
_LIGHT = 256 * 1024  # of this size nothing can be too heavy
_WIDEST = 4  # bytes of a character


class TooLate(Exception):
    """The time for what was waited for is over."""


class Frames:
    """The frames of one transport.

    Args:
        transport: Where they come from.
        rest: Bytes read already.
    """

    def __init__(self, transport: Transport, rest: bytes) -> None:
        self._transport = transport
        self._buffer = bytearray(rest)
        self.weight = 0  # of the last frame, estimated

    def next(self, until: Callable[[], float | None], glance: float = SILENCE) -> Any:
        """The next frame's value.

        Args:
            until: Tells the time (`time.monotonic`) until which it's waited for, None for ever; asked again and again.
            glance: Seconds after which it's asked again.

        Raises:
            wire.BadFrame: What came isn't a frame, or is larger than any may be.
            TooLate: The time is over.
            TransportSilent: There was no whole header for `SILENCE` seconds, or a frame didn't end.
            TransportClosed: See `Transport.read`.
            EOFError: The stream has ended.
        """
        begins = time.monotonic()
        header = self._read(wire.HEADER.size, begins + SILENCE, until, glance)
        length, kind = wire.HEADER.unpack(header)
        if kind not in (wire.JSON, wire.DEFLATED):
            raise wire.BadFrame(f"this isn't a frame: {header!r}")
        if length > LARGEST:
            raise wire.BadFrame(f"a frame of {length} bytes is over the limit of {LARGEST}")
        payload = self._read(length, time.monotonic() + SILENCE + length / SLOWEST, until, glance)
        return self._value(kind, payload)

    def _read(self, count: int, ends: float, until: Callable[[], float | None], glance: float) -> bytes:
        """So many bytes; a byte now and then doesn't put off the end."""
        while len(self._buffer) < count:
            now = time.monotonic()
            deadline = until()
            if deadline is not None and now >= deadline:
                raise TooLate
            if now >= ends:
                raise TransportSilent("what it began to say doesn't end" if self._buffer else "")
            left = min(ends if deadline is None else min(ends, deadline), now + glance) - now
            try:
                data = self._transport.read(65536, max(0.001, left))
            except TransportSilent:
                deadline = until()
                now = time.monotonic()
                if now < ends and (deadline is None or now < deadline) and glance < SILENCE:
                    continue
                if deadline is not None and now >= deadline:
                    raise TooLate from None
                raise
            if not data:
                raise EOFError
            self._buffer += data
        with memoryview(self._buffer) as view:
            taken = bytes(view[:count])
        del self._buffer[:count]
        return taken

    def _value(self, kind: int, payload: bytes) -> Any:
        try:
            if kind == wire.DEFLATED:
                payload = _inflated(payload)
            self.weight = weight(payload)
            if self.weight > HEAVIEST:
                raise wire.BadFrame(f"a message of {len(payload)} bytes has more members than any may have")
            return _DECODER.decode(payload.decode("utf-8"))
        except (ValueError, zlib.error) as error:
            raise wire.BadFrame(f"a frame isn't JSON: {_short(error)}") from None
        except RecursionError:
            raise wire.BadFrame("a frame is nested too deeply") from None


def weight(payload: bytes) -> int:
    """How much memory what's in a JSON text will take at most; roughly its own size for what's small."""
    wide = _WIDEST if not payload.isascii() or b"\\u" in payload else 1
    if len(payload) <= _LIGHT:
        return len(payload) * wide
    return len(payload) * wide + sum(payload.count(sign) * cost for sign, cost in _WEIGHTS)


def _inflated(payload: bytes) -> bytes:
    stream = zlib.decompressobj()
    data = stream.decompress(payload, LARGEST)
    if stream.unconsumed_tail:
        raise wire.BadFrame(f"a deflated message is over the limit of {LARGEST} bytes")
    return data


def _bytes(value: dict[str, Any]) -> Any:
    if len(value) == 1 and "$b64" in value:
        text = value["$b64"]
        if not isinstance(text, str):
            raise wire.BadFrame("bytes in a frame aren't a text")
        return binascii.a2b_base64(text)
    return value


def _no_number(word: str) -> NoReturn:
    raise wire.BadFrame(f"{word} in a frame is no number")


def _short(error: Exception) -> str:
    return str(error)[:200]


_DECODER = json.JSONDecoder(object_hook=_bytes, parse_constant=_no_number)
