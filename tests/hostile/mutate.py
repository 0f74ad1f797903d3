"""Frames that are nearly right, or not at all, from a seeded source of chance."""

import json
import struct
import zlib

MOST = 40  # kB of one junk value, so that a million sessions are quick


def junk(chance):
    """A value that nobody asked for."""
    return chance.choice(
        [
            None,
            True,
            0,
            -1,
            1 << 70,
            1e308,
            "",
            "\x1b[2J\x1b]0;x\x07",
            "\u202ereversed\u2066",
            "a\nb\rc",
            "\ud800",
            "x\0y",
            "../../../etc/passwd",
            [],
            {},
            [[]],
            {"": {}},
            {"$b64": 5},
            {"$b64": "!"},
            {"$b64": "eA=="},
            {"$sealed": []},
            "x" * chance.choice([100, 5000, 70_000]),
            [1] * chance.choice([3, 1000]),
        ]
    )


def changed(value, chance):
    """The value with one place of it replaced, removed, doubled or renamed."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        result = dict(value)
        way = chance.randrange(6)
        if way == 0:
            del result[key]
        elif way == 1:
            result[str(junk(chance))[:20]] = result.pop(key)
        elif way == 2:
            result["more"] = junk(chance)
        else:
            result[key] = changed(value[key], chance)
        return result
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        result = list(value)
        way = chance.randrange(4)
        if way == 0:
            del result[place]
        elif way == 1:
            result *= 3
        else:
            result[place] = changed(value[place], chance)
        return result
    return junk(chance)


def text_of(message, chance):  # noqa: PLR0911  a table of ways
    """JSON of a message, at times with what only JSON's own grammar forbids, or nearly."""
    text = json.dumps(message)
    way = chance.randrange(40)
    if way == 0:
        return text.replace("null", "NaN").replace("1.0", "Infinity")
    if way == 1:
        return "[" * chance.choice([10, 900, 20_000]) + text
    if way == 2:
        return text[: chance.randrange(len(text) + 1)]
    if way == 3:
        return text.replace('": ', '": ' + "9" * chance.choice([30, 5000]), 1)
    if way == 4:
        return '{"a":' * chance.choice([5, 2000]) + "1"
    if way == 5:
        return json.dumps([message] * 3)
    return text


def frame(message, chance):
    """The bytes of one frame, at times broken."""
    payload = text_of(message, chance).encode("utf-8", "surrogatepass")
    kind = b"J"
    if chance.random() < 0.2:
        kind, payload = b"Z", zlib.compress(payload, 1)
    length = len(payload)
    way = chance.randrange(60)
    if way == 0:
        length = chance.choice([0, length + 1, 1 << 31, (1 << 32) - 1, 9 * 1024 * 1024])
    elif way == 1:
        kind = bytes([chance.randrange(256)])
    elif way == 2:
        kind, payload = b"Z", zlib.compress(b"\0" * chance.choice([1000, 12 * 1024 * 1024]), 9)
        length = len(payload)
    data = struct.pack(">IB", length, kind[0]) + payload
    if chance.randrange(60) == 0 and data:
        place = chance.randrange(len(data))
        data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
    return data
