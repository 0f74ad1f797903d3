"""The history's journal: one JSON line per run, appended and fsynced, each linked with those before it (see `chain`).

A run must not wait for a database library to be imported, so it only writes a line here; the database is an index
that is brought up to date when someone asks. A line that a killed writer left unfinished is a damaged one.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cdconf.history.chain import Head, JournalLine, chained, claim_of, head_after, lines_of, link_of, parsed
from cdconf.own_files import named, opened_to_look, regular_file

FILE = "history.jsonl"
LONGEST = 16 * 1024 * 1024  # bytes of a line, as read; a run's has some thousand
_ENDLESS = "it has a line without end; move it away, and take what's whole of it back"
_BLOCK = 64 * 1024  # bytes that are read at once, from the end


@dataclass(frozen=True)
class JournalPosition:
    """How far a journal was read: the bytes, and the head behind them."""

    offset: int = 0
    head: Head = field(default_factory=Head)


def append(data: Path, record: Mapping[str, Any]) -> None:
    """Appends one line; several processes may do so at once.

    Args:
        data: The project's `.cdconf/`.
        record: What it says; see `journal.entry`.

    Raises:
        OSError: It can't be written.
    """
    path = data / FILE
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = regular_file(os.open(path, flags, 0o600), path)
    try:
        with named(path):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            tail, begins = _tail(descriptor)
            head = head_after(lines_of(tail, begins))
            unfinished = b"" if tail.endswith(b"\n") or not tail else b"\n"
            _write(descriptor, unfinished + chained(record, head) + b"\n")
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, text: bytes) -> None:
    """All of it, in as many pieces as the disk wants."""
    while text:
        text = text[os.write(descriptor, text) :]


def head(data: Path) -> Head:
    """The journal's last line; of a journal that isn't there, none.

    Raises:
        OSError: It can't be read.
    """
    try:
        descriptor = opened_to_look(data / FILE)
    except FileNotFoundError:
        return Head()
    try:
        with named(data / FILE):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            return head_after(lines_of(*_tail(descriptor)))
    finally:
        os.close(descriptor)


def _tail(descriptor: int) -> tuple[bytes, Head]:
    """The journal's end, from its last line on that says its place; and the head before that."""
    size = os.fstat(descriptor).st_size
    begin = size
    text = b""
    while begin > 0:
        if len(text) > LONGEST and b"\n" not in text:
            raise OSError(errno.EFBIG, _ENDLESS)
        step = max(0, begin - max(_BLOCK, len(text)))
        text = _read(descriptor, step, begin - step) + text
        begin = step
        whole = text if begin == 0 else text.partition(b"\n")[2]
        lines = whole.split(b"\n")
        for place in range(len(lines) - 1, -1, -1):
            claimed = claim_of(parsed(lines[place])) if lines[place] else None
            if claimed is not None:
                return b"\n".join(lines[place:]), Head(claimed.number - 1, claimed.link)
    return text, Head()


def _read(descriptor: int, offset: int, size: int) -> bytes:
    text = b""
    while len(text) < size:
        more = os.pread(descriptor, size - len(text), offset + len(text))
        if not more:
            break
        text += more
    return text


def read(data: Path, place: JournalPosition | None = None) -> tuple[list[JournalLine], JournalPosition]:
    """The lines behind a place, and the place behind the last whole one.

    Args:
        data: The project's `.cdconf/`.
        place: Where an earlier call ended. If the journal isn't the same there any more, it's read from its beginning;
            None: from its beginning, too.

    Raises:
        OSError: It can't be read.
    """
    place = place or JournalPosition()
    try:
        descriptor = opened_to_look(data / FILE)
    except FileNotFoundError:
        return [], JournalPosition()
    with named(data / FILE), os.fdopen(descriptor, "rb") as stream:
        if not _is_same(descriptor, place):
            place = JournalPosition()
        stream.seek(place.offset)
        whole = b"".join(_lines(stream))
    if not whole:
        return [], place
    lines = lines_of(whole, place.head)
    return lines, JournalPosition(place.offset + len(whole), head_after(lines))


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines that have an end; of what has none, not more than a bounded part is ever read."""
    while (line := stream.readline(LONGEST)).endswith(b"\n"):
        yield line
    if len(line) == LONGEST:
        raise OSError(errno.EFBIG, _ENDLESS)


def _is_same(descriptor: int, place: JournalPosition) -> bool:
    """Whether the line before a place is the one that was there."""
    if place.offset == 0:
        return True
    size = _BLOCK
    while True:
        begin = max(0, place.offset - size)
        text = _read(descriptor, begin, place.offset - begin)
        if len(text) < place.offset - begin or not text.endswith(b"\n"):
            return False
        before, newline, last = text[:-1].rpartition(b"\n")
        if newline or begin == 0:
            break
        size *= 4
    del before
    claimed = claim_of(parsed(last))
    if claimed is None:  # an older version's line says nothing of those before it
        return False
    return Head(claimed.number, link_of(claimed.link, last)) == place.head
