"""Frames: what the controller and the agent say to each other over one channel.

A frame is a 4-byte big-endian length, one byte of kind and the payload: `J` UTF-8 JSON, `Z` the same deflated
(RFC 1950), `B` raw bytes. Bytes inside JSON are `{"$b64": "…"}`. The length counts the payload alone.
"""

import binascii
import json
import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HEADER = struct.Struct(">IB")
MAX_FRAME = 64 * 1024 * 1024
CHUNK = 256 * 1024
_DEFLATE_ABOVE = 2048
JSON, DEFLATED, RAW = ord("J"), ord("Z"), ord("B")


class BadFrame(Exception):
    """What came isn't a frame: too long, of an unknown kind, or not JSON."""


def _encode_bytes(value: "object") -> "dict[str, str]":
    if isinstance(value, (bytes, bytearray)):
        return {"$b64": binascii.b2a_base64(bytes(value), newline=False).decode("ascii")}
    raise TypeError("can't send a {}".format(type(value).__name__))


def _decode_bytes(value: "dict[str, Any]") -> "dict[str, Any] | bytes":
    if len(value) == 1 and "$b64" in value:
        return binascii.a2b_base64(value["$b64"])
    return value


def dumps(value: "object") -> "bytes":
    """JSON text as UTF-8 bytes, the same for the same value: keys sorted, no spaces."""
    return json.dumps(value, default=_encode_bytes, sort_keys=True, separators=(",", ":")).encode("utf-8")


def loads(data: "bytes") -> "Any":
    """The value of `dumps`."""
    return json.loads(data.decode("utf-8"), object_hook=_decode_bytes)


def pack(value: "object") -> "bytes":
    """One frame: bytes become a raw frame, everything else JSON (deflated when that's shorter)."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        kind, payload = RAW, bytes(value)
    else:
        kind, payload = JSON, dumps(value)
        if len(payload) > _DEFLATE_ABOVE:
            deflated = zlib.compress(payload, 1)
            if len(deflated) < len(payload):
                kind, payload = DEFLATED, deflated
    if len(payload) > MAX_FRAME:
        raise BadFrame("a message of {} bytes is over the limit of {}".format(len(payload), MAX_FRAME))
    return HEADER.pack(len(payload), kind) + payload


def _inflate(payload: "bytes") -> "bytes":
    stream = zlib.decompressobj()
    data = stream.decompress(payload, MAX_FRAME)
    if stream.unconsumed_tail:
        raise BadFrame("a deflated message is over the limit of {} bytes".format(MAX_FRAME))
    return data


def read(read_exactly: "Callable[[int], bytes]") -> "Any":
    """The next frame's value, or None at the end of the stream.

    Args:
        read_exactly: A function from a count to that many bytes, or fewer at the end of the stream.

    Raises:
        BadFrame: The stream isn't ours, or ends inside a frame.
    """
    header = read_exactly(HEADER.size)
    if not header:
        return None
    if len(header) < HEADER.size:
        raise BadFrame("the stream ends inside a frame")
    length, kind = HEADER.unpack(header)
    if length > MAX_FRAME or kind not in (JSON, DEFLATED, RAW):
        raise BadFrame("this isn't a frame: {!r}".format(header))
    payload = read_exactly(length)
    if len(payload) < length:
        raise BadFrame("the stream ends inside a frame")
    if kind == RAW:
        return payload
    try:
        return loads(_inflate(payload) if kind == DEFLATED else payload)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise BadFrame("a frame isn't JSON: {}".format(error))
