"""The board as lines for people: a table of artifacts by stages, and below it what isn't done and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cdconf.render.words import shown

if TYPE_CHECKING:
    from cdconf.pipeline.board.rows import Board, Cell, Row, State

GAP = "  "
SHORTEST_HEAD = 5
SHORTEST_LABEL = 12
NARROW = 20  # characters that words need
_WORDS: dict[State, str] = {
    "passed": "passed",
    "unproven": "unproven",
    "failed": "failed",
    "running": "running",
    "waiting": "waits",
    "stopped": "stopped",
    "interrupted": "cut off",
    "ready": "next",
    "superseded": "superseded",
    "pending": "-",
    "none": "",
}
_SHORT: dict[State, str] = {**_WORDS, "passed": "ok", "unproven": "ok?", "running": "runs", "superseded": "old"}
_COLOURS: dict[State, str] = {
    "passed": "green",
    "failed": "red",
    "stopped": "red",
    "running": "cyan",
    "waiting": "yellow",
    "interrupted": "yellow",
    "ready": "bold",
}
_TOLD: tuple[State, ...] = ("running", "waiting", "superseded", "ready", "interrupted", "failed", "unproven")
_SINCE: tuple[State, ...] = ("passed", "failed", "running", "waiting", "stopped", "interrupted")


class StyledPart(NamedTuple):
    """A part of a line, and the colour that it may have: a style of rich's, or nothing."""

    text: str
    style: str = ""


Line = list[StyledPart]


def lines(board: Board, width: int | None) -> list[Line]:
    """The board.

    Args:
        board: What it says.
        width: Characters that a line should have at most; None: as many as there are.
    """
    if not board.rows:
        return [[StyledPart("nothing has gone through the pipeline yet")]]
    found = [*_line_stops(board, width), *_table(board, width)]
    told = [line for row in board.rows for line in _about(board, row, width)]
    if told:
        found += [[], *told]
    left = board.total - sum(one.known.app is not None for one in board.rows)
    if left > 0:
        found += [[], [StyledPart(f"{left} older artifacts: --all shows them", "dim")]]
    return found


def _line_stops(board: Board, width: int | None) -> Iterator[Line]:
    """What stops all of an app's artifacts is said once, before everything else."""
    found = {stop.name: stop for row in board.rows for stop in row.stops if stop.what != row.known.label}
    for stop in found.values():
        yield from _wrapped("", f"{stop.what} is stopped by {stop.by}: {stop.why}", width, "red")
        yield [StyledPart(f"  {shown(stop.command)}", "dim")]
    if found:
        yield []


def age(seconds: float) -> str:
    """A length of time in a word: `40 s`, `2 h`."""
    left = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if left >= size:
            return f"{left // size} {unit}"
    return f"{left} s"


def _table(board: Board, width: int | None) -> Iterator[Line]:
    """The widest way to say it that has room."""
    heads = ["artifact", *board.stages]
    for words, with_times in ((_WORDS, True), (_WORDS, False), (_SHORT, False)):
        rows = [[shown(one.known.label), *_cells(board, one, words, with_times)] for one in board.rows]
        widths = _widths(heads, rows)
        if width is None or sum(widths) + len(GAP) * (len(widths) - 1) <= width:
            break
    else:
        heads = [heads[0], *(_cut(head, SHORTEST_HEAD) for head in heads[1:])]
        widths = _widths(heads, rows)
        room = (width or 0) - sum(widths[1:]) - len(GAP) * len(board.stages)
        rows = [[_end_of(row[0], max(SHORTEST_LABEL, room)), *row[1:]] for row in rows]
        widths = _widths(heads, rows)
    yield [StyledPart(GAP.join(text.ljust(size) for text, size in zip(heads, widths, strict=True)).rstrip(), "bold")]
    for row, texts in zip(board.rows, rows, strict=True):
        styles = ["", *(_COLOURS.get(row.cells[name].state, "dim") for name in board.stages)]
        parts = zip(texts, styles, widths, strict=True)
        yield [StyledPart(text.ljust(size) + GAP, style) for text, style, size in parts]


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 1]}…"


def _end_of(text: str, size: int) -> str:
    """The end of a text that's too long: a label's has its version."""
    return text if len(text) <= size else f"…{text[len(text) - size + 1 :]}"


def _cells(board: Board, row: Row, words: dict[State, str], with_times: bool) -> Iterator[str]:
    for name in board.stages:
        cell = row.cells[name]
        text = words[cell.state]
        if with_times and cell.since is not None and cell.state in _SINCE:
            text += f" {age(board.now - cell.since)}"
        yield text


def _about(board: Board, row: Row, width: int | None) -> Iterator[Line]:
    """What's to be said of a row beside its cells; nothing where the cells say all."""
    told = [cell for cell in row.cells.values() if _words_of(board, cell)]
    own = [standing_stop for standing_stop in row.stops if standing_stop.what == row.known.label]
    if not told and not own:
        return
    began = row.known.run.began if row.known.run else None
    short = (row.known.commit or "")[:10]
    commit = f" {short}" if short and short not in row.known.label else ""
    subject = f" {shown(began.subject)}" if began and began.subject else ""
    yield [StyledPart(_cut(f"{shown(row.known.label)}{commit}{subject}", width or 1000), "bold")]
    alike: dict[str, list[Cell]] = {}
    for cell in told:
        alike.setdefault(_words_of(board, cell), []).append(cell)
    size = max([len(cells[0].stage) for cells in alike.values() if len(cells) == 1], default=0)
    for words, cells in alike.items():
        head = ", ".join(cell.stage for cell in cells).ljust(size)
        yield from _wrapped(f"  {head}  ", words, width, _COLOURS.get(cells[0].state, ""))
        for command in dict.fromkeys(link.command for link in cells[0].missing if link.command):
            yield [StyledPart(f"  {'':{size}}  {shown(command)}", "dim")]
    is_known = any(cell.state == "failed" for cell in row.cells.values())  # it's stopped for that
    for stop in own:
        why = "" if is_known else f": {stop.why}"
        yield from _wrapped("  ", f"{stop.what} is stopped by {stop.by}{why}", width, "red")
        yield [StyledPart(f"    {shown(stop.command)}", "dim")]


def _words_of(board: Board, cell: Cell) -> str:
    """What's to be said of a cell; nothing of one that says all."""
    if cell.state not in _TOLD:  # most cells of a large board
        return ""
    lasts = f" for {age(board.now - cell.since)}" if cell.since is not None else ""
    missing = "; ".join(f"{link.name}: {link.why}" for link in cell.missing)
    by, why = f", by {cell.by}" if cell.by else "", f": {cell.why}" if cell.why else ""
    step, log = f": {cell.step}" if cell.step else "", f" (log: {cell.log})" if cell.log else ""
    found: dict[State, str] = {
        "running": f"runs{lasts}{by}{step}",
        "waiting": f"waits{lasts}{f': {missing}' if missing else why}",
        "superseded": f"{cell.superseded_by} goes in its place",
        "ready": cell.why,
        "interrupted": f"cut off{why}; the next run goes on",
        "failed": f"failed{why}{log}",
        "unproven": f"has passed, and {cell.why}",
    }
    return found[cell.state]


def _wrapped(head: str, text: str, width: int | None, style: str) -> Iterator[Line]:
    clean = shown(" ".join(text.split()))
    if width is None:
        yield [StyledPart(head + clean, style)]
        return
    if width - len(head) < NARROW:
        yield [StyledPart(head.rstrip(), style)]
        head = "    "
    room = max(NARROW, width - len(head))
    for number, line in enumerate(textwrap.wrap(clean, room, break_on_hyphens=False) or [""]):
        yield [StyledPart((head if number == 0 else " " * len(head)) + line, style)]
