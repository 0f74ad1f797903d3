"""What differs between two wanted states of one resource, for people.

A difference is known by what changes, and not by the lines around it: the same line that's changed in files which name
their own host is the same difference, and is shown with the lines around it of one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdconf.agent.commands.execute import printable

LIMIT = 64 * 1024  # characters of one resource's diff
HIDDEN = "(sensitive)"
_AROUND = 2  # lines


@dataclass(frozen=True)
class Piece:
    """What differs in one field.

    Attributes:
        name: The field.
        old: Its value for people, or the lines that go (with those in between that stay).
        new: The same of what comes.
        start: How many lines stand before these; None when it isn't a text of several lines.
        above: Some lines before these.
        below: Some lines behind them.
    """

    name: str
    old: str | tuple[str, ...]
    new: str | tuple[str, ...]
    start: int | None = None
    above: tuple[str, ...] = field(default=(), compare=False)
    below: tuple[str, ...] = field(default=(), compare=False)


def pieces(before: Mapping[str, Any], after: Mapping[str, Any], hidden: Collection[str]) -> tuple[Piece, ...]:
    """The fields that differ; the values of hidden ones aren't in it."""
    return tuple(
        Piece(name, HIDDEN, HIDDEN) if name in hidden else _piece(name, before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    )


def _piece(name: str, old: object, new: object) -> Piece:
    if not (_is_text(old) and _is_text(new) and "\n" in f"{old or ''}{new or ''}"):
        return Piece(name, _shown(old), _shown(new))
    first, second = (str(value or "").splitlines(True) for value in (old, new))
    shorter = min(len(first), len(second))
    start = next((place for place in range(shorter) if first[place] != second[place]), shorter)
    most = shorter - start
    same = next((place for place in range(most) if first[-1 - place] != second[-1 - place]), most)
    return Piece(
        name,
        tuple(first[start : len(first) - same]),
        tuple(second[start : len(second) - same]),
        start,
        tuple(first[max(0, start - _AROUND) : start]),
        tuple(first[len(first) - same :][:_AROUND]),
    )


def text(title: str, found: Sequence[Piece], *, new: bool) -> str:
    """A unified diff for texts of several lines, `name: old -> new` for the rest.

    Args:
        title: What the texts are of.
        found: From `pieces`.
        new: There was nothing before.
    """
    lines: list[str] = []
    for piece in found:
        if piece.start is not None:
            lines += [f"--- {title} (from)\n", f"+++ {title} (to)\n", *_hunks(piece)]
        elif piece.new == HIDDEN or new:
            lines.append(f"{piece.name}: {piece.new}\n")
        else:
            lines.append(f"{piece.name}: {piece.old} -> {piece.new}\n")
    whole = printable("".join(lines))
    return str(whole) if len(whole) <= LIMIT else f"{whole[:LIMIT]}\n… (the diff goes on)\n"


def changed_lines(diff: str) -> str:
    """A diff without the lines that stay."""
    return "".join(line for line in diff.splitlines(True) if not line.startswith(" "))


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _shown(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bytes):
        return f"({len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:12]})"
    if isinstance(value, str):
        return str.__str__(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_shown)


def _hunks(piece: Piece) -> Iterator[str]:
    from difflib import SequenceMatcher

    old, new = ([*piece.above, *side, *piece.below] for side in (piece.old, piece.new))
    offset = (piece.start or 0) - len(piece.above)
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(_AROUND):
        ends = group[0], group[-1]
        yield f"@@ -{_range(ends[0][1], ends[1][2], offset)} +{_range(ends[0][3], ends[1][4], offset)} @@\n"
        for tag, begin, end, other_begin, other_end in group:
            if tag == "equal":
                yield from _marked(" ", old[begin:end])
            else:
                yield from _marked("-", old[begin:end])
                yield from _marked("+", new[other_begin:other_end])


def _range(begin: int, end: int, offset: int) -> str:
    """A hunk's lines as the unified format counts them: from 1, an empty range after the line before it."""
    length = end - begin
    first = begin + offset + (1 if length else 0)
    return str(first) if length == 1 else f"{first},{length}"


def _marked(sign: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ no newline at the end\n"
