"""Reads and writes the data types of SSH (RFC 4251, section 5)."""

from __future__ import annotations


class Malformed(Exception):
    """The bytes aren't what they should be; the message says what's wrong, after "it"."""


class WireReader:
    """Takes values off the front of some bytes.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self._place + count
        if end > len(self._data):
            raise Malformed("ends too early")
        found, self._place = self._data[self._place : end], end
        return found

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A uint32."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """A string: its length, and its bytes."""
        return self.take(self.number())

    def text(self) -> str:
        """A string of printable ASCII."""
        found = self.string()
        if not all(0x20 <= one < 0x7F for one in found):
            raise Malformed("has a name with bytes that no name has")
        return found.decode("ascii")

    def integer(self) -> int:
        """An mpint that isn't negative, without needless zeros before it."""
        found = self.string()
        if found[:1] >= b"\x80" or (found[:1] == b"\0" and found[1:2] < b"\x80"):
            raise Malformed("has a number that isn't written as it should be")
        return int.from_bytes(found, "big")

    def end(self) -> None:
        """Raises `Malformed` unless everything was taken."""
        if self._place != len(self._data):
            raise Malformed("has bytes behind its end")


def string(data: bytes) -> bytes:
    """Bytes as a string: their length before them."""
    return len(data).to_bytes(4, "big") + data
