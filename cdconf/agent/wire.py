"""Frames: what the controller and the agent say to each other over one channel.

A frame is a 4-byte big-endian length, one byte of kind and the payload: `J` UTF-8 JSON, `Z` the same deflated
(RFC 1950), `B` raw bytes. Bytes inside JSON are `{"$b64": "…"}`. The length counts the payload alone.
"""

import binascii
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


class _Reading(object):
    """What a scanner of `_json` asks for how to read."""

    def __init__(self) -> "None":
        self.strict, self.object_hook, self.object_pairs_hook = True, _decode_bytes, None
        self.parse_float, self.parse_int, self.parse_constant = float, int, float


_scan = None
try:  # what `json` itself works with; that package imports `re`, and both take a tenth of a start
    from _json import encode_basestring_ascii, make_encoder, make_scanner

    def _encoder() -> "Any":
        return make_encoder({}, _encode_bytes, encode_basestring_ascii, None, ":", ",", True, False, True)

    _encoder()
    _scan = make_scanner(_Reading())  # type: ignore[arg-type]  # typeshed knows no class but json's own
except (ImportError, TypeError):
    pass


def dumps(value: "object") -> "bytes":
    """JSON text as UTF-8 bytes, the same for the same value: keys sorted, no spaces."""
    if _scan is None:
        import json

        return json.dumps(value, default=_encode_bytes, sort_keys=True, separators=(",", ":")).encode("utf-8")
    return "".join(_encoder()(value, 0)).encode("utf-8")


def loads(data: "bytes") -> "Any":
    """The value of `dumps`; raises ValueError."""
    text = data.decode("utf-8")
    if _scan is None:
        import json

        return json.loads(text, object_hook=_decode_bytes)
    text = text.strip(" \t\n\r")
    try:
        value, end = _scan(text, 0)
    except StopIteration as error:
        raise ValueError("no value at {}".format(error.value))
    if end != len(text):
        raise ValueError("more after the value, at {}".format(end))
    return value


def indented(value: "object", level: "int" = 1) -> "str":
    """The same for people to read: a line for each entry."""
    if isinstance(value, (bytes, bytearray)):
        value = _encode_bytes(value)
    if isinstance(value, dict) and value:
        begin, end = "{}"
        rows = ["{}: {}".format(_key(key), indented(value[key], level + 1)) for key in sorted(value)]
    elif isinstance(value, (list, tuple)) and value:
        begin, end = "[]"
        rows = [indented(one, level + 1) for one in value]
    else:
        return dumps(value).decode("ascii")
    line = "\n" + " " * level
    return begin + line + ("," + line).join(rows) + line[:-1] + end


def _key(key: "object") -> "str":
    """What a key is in JSON: text, whatever it was."""
    return dumps({key: 0})[1:-3].decode("ascii")


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
