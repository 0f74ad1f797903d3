"""Each line of a journal is linked with all lines before it, so that none can be cut out or rewritten unseen; pure.

A line's link is the SHA-256 of the link before it and the line's bytes. A line says its number and the link before it
(`chain`). Whoever rewrites a line would have to write all later ones anew; statements in the artifact store are signed
with the link of a journal's last line, which only holds for the very lines that were there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cdconf import own_files

FIELD = "chain"
_DIGITS = 64


@dataclass(frozen=True)
class Head:
    """The last line of a journal: its number, from 1 on, and its link; of an empty one 0 and nothing."""

    number: int = 0
    link: str = ""


@dataclass(frozen=True)
class JournalLine:
    """A line of a journal.

    Attributes:
        number: As it says itself, or as it's counted.
        link: That of this line.
        record: What it says; None: it's damaged.
        claimed: What it says of its number, and of the link before it; None: an older version has written it.
        counted: The number and the link before it as the lines before have it.
        digest: The SHA-256 of what it says, whatever its place.
    """

    number: int
    link: str
    record: Mapping[str, Any] | None
    claimed: Head | None
    counted: Head
    digest: str

    @property
    def id(self) -> str | None:
        """The run's."""
        return str(self.record["id"]) if self.record is not None else None


def link_of(before: str, line: bytes) -> str:
    """The link of a line, without its end, behind the link before it."""
    return hashlib.sha256(before.encode() + b"\n" + line).hexdigest()


def chained(record: Mapping[str, Any], head: Head) -> bytes:
    """A record as the line that follows a head, without its end."""
    place = {"number": head.number + 1, "before": head.link}
    return json.dumps({**record, FIELD: place}, sort_keys=True).encode()


def lines_of(text: bytes, head: Head) -> list[JournalLine]:
    """The lines of a text that follow a head.

    Where a line's own claim differs from what was counted, its claim counts from there on: one line that's wrong
    doesn't make all later ones wrong.
    """
    found = []
    for data in text.removesuffix(b"\n").split(b"\n") if text else ():
        record = parsed(data)
        claimed = claim_of(record)
        before = Head(claimed.number - 1, claimed.link) if claimed is not None else head
        line = JournalLine(before.number + 1, link_of(before.link, data), record, claimed, head, _digest(record, data))
        found.append(line)
        head = Head(line.number, line.link)
    return found


def parsed(line: bytes) -> dict[str, Any] | None:
    """What a line says; None: it's damaged."""
    try:
        record = own_files.parsed(line, odd=True)
    except ValueError:
        return None
    is_whole = isinstance(record, dict) and isinstance(record.get("id"), str) and isinstance(record.get("command"), str)
    return record if is_whole and record["id"] else None


def claim_of(record: Mapping[str, Any] | None) -> Head | None:
    """A line's own number, and the link before it."""
    return head_of((record or {}).get(FIELD), "before", least=1)


def head_of(found: object, link: str = "link", least: int = 0) -> Head | None:
    """A head as others have written it down; None: it's none."""
    if not isinstance(found, dict):
        return None
    number, text = found.get("number"), found.get(link)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 10**12:
        return None
    return Head(number, text) if isinstance(text, str) and len(text) in (0, _DIGITS) else None


def head_after(lines: Iterable[JournalLine]) -> Head:
    """The head of a journal of these lines."""
    last = None
    for last in lines:  # noqa: B007
        pass
    return Head(last.number, last.link) if last is not None else Head()


def _digest(record: Mapping[str, Any] | None, data: bytes) -> str:
    if record is not None:
        data = json.dumps({name: value for name, value in record.items() if name != FIELD}, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()
