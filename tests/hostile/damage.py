"""Ways in which a file that a program has written can be damaged, or be something else altogether."""

import contextlib
import json
import os
import random
import re
import shutil

from tests.hostile.mutate import changed

SPARSE = 1 << 30  # bytes that take no room
_NUMBER = re.compile(rb"\d+(\.\d+)?")


def _of_bytes(how):
    return lambda path: path.write_bytes(how(path.read_bytes()))


def _in_place(make):
    """Puts something that's no file in the file's place."""

    def damage(path):
        path.unlink()
        make(path)

    return damage


def _sparse(path):
    with path.open("r+b") as stream:
        stream.truncate(SPARSE)


def _all_texts(text):
    """Every text of a JSON document replaced."""

    def other(value):
        if isinstance(value, dict):
            return {key: other(one) for key, one in value.items()}
        if isinstance(value, list):
            return [other(one) for one in value]
        return text if isinstance(value, str) else value

    return lambda data: (
        json.dumps(other(json.loads(data))).encode() if _is_json(data) else text.encode("utf-8", "replace")
    )


def _is_json(data):
    with contextlib.suppress(ValueError):
        json.loads(data)
        return True
    return False


def _mutated(seed):
    def mutate(data):
        chance = random.Random(seed)
        if not _is_json(data):
            place = chance.randrange(len(data) + 1)
            return data[:place] + chance.randbytes(3) + data[place + 1 :]
        value = json.loads(data)
        for _ in range(3):
            value = changed(value, chance)
        return json.dumps(value).encode()

    return mutate


def _for_its_directory(path):
    if path.parent.name in ("project", "home"):
        raise ValueError("all would be gone")
    shutil.rmtree(path.parent)
    path.parent.write_text("x")


DAMAGES = {
    "empty": _of_bytes(lambda data: b""),
    "half": _of_bytes(lambda data: data[: len(data) // 2]),
    "its last bytes gone": _of_bytes(lambda data: data[:-3]),
    "binary": _of_bytes(lambda data: random.Random(1).randbytes(4096)),
    "zero bytes": _of_bytes(lambda data: bytes(4096)),
    "a zero byte within": _of_bytes(lambda data: data[: len(data) // 2] + b"\0" + data[len(data) // 2 :]),
    "UTF-16": _of_bytes(lambda data: data.decode("utf-8", "replace").encode("utf-16")),
    "open brackets": _of_bytes(lambda data: b"[" * 200_000),
    "deep objects": _of_bytes(lambda data: b'{"a":' * 900 + b"1" + b"}" * 900),
    "huge numbers": _of_bytes(lambda data: _NUMBER.sub(b"9" * 5000, data, count=20)),
    "infinite numbers": _of_bytes(lambda data: _NUMBER.sub(b"1e999", data)),
    "null": _of_bytes(lambda data: b"null\n"),
    "a list": _of_bytes(lambda data: b"[]\n"),
    "an object": _of_bytes(lambda data: b"{}\n"),
    "a number": _of_bytes(lambda data: b"5\n"),
    "other texts": _of_bytes(_all_texts("../../../etc/passwd")),
    "half characters": _of_bytes(_all_texts("\ud800")),
    "control characters": _of_bytes(_all_texts("\x1b[2J\x1b]0;x\x07\u202e\n\r\x9b31m")),
    "one long line": _of_bytes(lambda data: b"x" * 2_000_000),
    "lines of rubbish": _of_bytes(lambda data: b"{]\n\x1b[31m\n\n" * 1000),
    **{f"changed {seed}": _of_bytes(_mutated(seed)) for seed in range(6)},
    "1 GiB": _sparse,
    "a directory": _in_place(lambda path: path.mkdir()),
    "a pipe": _in_place(os.mkfifo),
    "a link to nothing": _in_place(lambda path: path.symlink_to("/nonexistent/x")),
    "a link to itself": _in_place(lambda path: path.symlink_to(path.name)),
    "an endless device": _in_place(lambda path: path.symlink_to("/dev/zero")),
    "what can't be read": _in_place(lambda path: path.symlink_to("/proc/self/mem")),
    "a file for its directory": _for_its_directory,
}
