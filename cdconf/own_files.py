"""Reads the files that cdconf keeps for itself, in `.cdconf/` and in the operator's home, whatever lies in their place.

A full disk, a bad copy or another program can leave anything there: half a file, a directory, a pipe that nobody
writes to, a gigabyte. What is read here is a regular file of a bounded size, and JSON of a bounded depth; all else is
an `OSError` or a `ValueError` that says why.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from cdconf.errors import CdconfError

LARGEST = 64 * 1024 * 1024  # bytes
DEPTH = 64  # of lists and objects in each other
DIGITS = 40  # of a whole number
OF_OPERATOR = (".config/cdconf", ".ssh")  # in the home
_LOOK = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_FULL = (errno.ENOSPC, errno.EDQUOT)  # whatever lies there
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # of a character that JSON writes as two


class DamagedFile(CdconfError):
    """A file that cdconf has written for itself can't be read, or isn't what cdconf wrote."""

    kind = "damaged_file"


def content_and_status(path: Path | str, largest: int = LARGEST, *, links: bool = True) -> tuple[bytes, os.stat_result]:
    """A regular file's bytes, and its status: a pipe is never waited for, and what has no end isn't read to it.

    Args:
        path: The file.
        largest: How many bytes it may have.
        links: Whether it may be a link.

    Raises:
        FileNotFoundError: It isn't there.
        OSError: It can't be read, isn't a file, or is larger.
    """
    descriptor = regular_file(os.open(path, _LOOK | (0 if links else os.O_NOFOLLOW)), path)
    try:
        with named(path):
            status = os.fstat(descriptor)
            data = _read(descriptor, status.st_size, largest) if status.st_size <= largest else b""
    finally:
        os.close(descriptor)
    if len(data) > largest or status.st_size > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest} bytes", str(path))
    return data, status


def _read(descriptor: int, size: int, largest: int) -> bytes:
    """All that a file holds, also what somebody adds meanwhile; one byte beyond `largest` at most."""
    data = os.read(descriptor, size + 1)
    while len(data) <= largest and (more := os.read(descriptor, largest + 1 - len(data))):
        data += more
    return data


def content_of(path: Path, largest: int = LARGEST) -> tuple[bytes, int]:
    """A regular file's bytes and mode; for errors see `content_and_status`."""
    data, status = content_and_status(path, largest)
    return data, status.st_mode


def own_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a file that nobody but this user, or root, can have written; for the rest see `content_of`.

    Raises:
        PermissionError: Somebody else could.
    """
    data, status = content_and_status(path, largest, links=False)
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & _WRITABLE_BY_OTHERS or status.st_nlink != 1:
        raise PermissionError(errno.EPERM, "somebody else can have written it", str(path))
    return data


def opened_lock(path: Path) -> int:
    """The descriptor of a file that's there to be locked, made where there's none; what it leads to isn't touched.

    Raises:
        OSError: Something else is in its place, or nothing can be written there.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    return regular_file(os.open(path, flags, 0o600), path)


def opened_to_look(path: Path) -> int:
    """The descriptor of a file that somebody else may have locked; nothing is waited for.

    Raises:
        OSError: It isn't there, or isn't a file.
    """
    return regular_file(os.open(path, _LOOK), path)


def regular_file(descriptor: int, path: Path | str) -> int:
    """A descriptor that's open, if it's a file's; else it's closed, and an `OSError` says what's there."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it's a pipe or a device, not a file", str(path))


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """A regular file's bytes; for errors see `content_of`."""
    return content_of(path, largest)[0]


def read_text(path: Path, largest: int = LARGEST) -> str:
    """A regular file's text; for errors see `content_of`.

    Raises:
        ValueError: It isn't UTF-8.
    """
    return read_bytes(path, largest).decode("utf-8")


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """A regular file's JSON; for errors see `content_of` and `parsed`."""
    return parsed(read_bytes(path, largest))


def parsed(data: bytes | str, *, odd: bool = False) -> Any:
    """The value of a JSON text.

    Args:
        data: The text.
        odd: Take numbers that aren't finite, and halves of characters: whoever reads these minds them.

    Raises:
        ValueError: It isn't JSON; it's nested deeper, or has longer or other numbers, than anything that cdconf
            writes; or it has half of a character.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        others: dict[str, Any] = {} if odd else {"parse_float": _number, "parse_constant": _no_number}
        value = json.loads(text, parse_int=_whole, **others)
    except RecursionError:
        raise ValueError(f"it's nested more than {DEPTH} deep") from None
    if text.count("[") + text.count("{") > DEPTH:
        _check_depth(value)
    if not odd and _HALF.search(text.encode("utf-8", "replace")):
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


@contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Gives errors of an open file its name: the system's have none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def damaged(path: Path, error: Exception, what: str, hint: str) -> DamagedFile:
    """The error of a file that can't be done without.

    Args:
        path: The file.
        error: What's wrong with it: an `OSError`, or one that says so.
        what: What it is, for people: "this checkout's id".
        hint: What to do about it.
    """
    return DamagedFile(f"{path}: {what} can't be read: {reason(error)}", hint=hint)


def obstacle(error: Exception) -> DamagedFile | None:
    """An error that ended a run, if it's about a file of cdconf's own or of ssh; None if it's about any other.

    Whoever writes to such a place needn't know all that may stand there instead.
    """
    if not isinstance(error, OSError) or not isinstance(error.filename, (str, Path)):
        return None
    if error.errno in _FULL:
        return None
    path = Path.cwd() / error.filename
    home = Path.home()
    if ".cdconf" not in path.parts and not any(path.is_relative_to(home / one) for one in OF_OPERATOR):
        return None
    hint = "see what's there: another kind of file, a broken link, or something that this user may not read or write"
    return DamagedFile(f"{path}: {reason(error)}", hint=hint)


def reason(error: Exception) -> str:
    """What's wrong with a file, in one line for people."""
    if isinstance(error, UnicodeError):
        return "it isn't text"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "".join(one if one.isprintable() else "?" for one in text)[:200]


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [
            member
            for one in level
            for member in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(member, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"it's nested more than {DEPTH} deep")


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"it has a number of more than {DIGITS} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("it has a number that's too large")
    return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
