"""The value stream as lines: a row per stage with a bar, and below it what isn't a row."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from cdconf.pipeline.value_stream.dora import SOURCE
from cdconf.pipeline.value_stream.figures import FEWEST, Figures, StageFigures
from cdconf.pipeline.value_stream.model import KINDS, Kind, StreamChange
from cdconf.render.board import Line, StyledPart
from cdconf.render.value_stream import words
from cdconf.render.value_stream.words import Shown
from cdconf.render.words import shown as clean

WIDTH = 80  # of a pipe, and of a terminal that's wider
NARROWEST = 60
_NAME, _NARROW_NAME = 20, 14
_CELL, _SHARE = 12, 5
_SIGNS: Mapping[Kind, str] = {"work": "█", "queue": "░", "people": "▒"}
_PLAIN: Mapping[Kind, str] = {"work": "#", "queue": ".", "people": "="}
_STYLES: Mapping[Kind, str] = {"work": "green", "queue": "dim", "people": "yellow"}
_WAITING = 10  # commits that are listed
_WAYS = 4  # changes whose way is told when there are too few for statistics


def lines(shown: Shown, width: int, *, is_plain: bool = False, ways: bool = False) -> list[Line]:
    """The map.

    Args:
        shown: What it says.
        width: Characters of a line; no more than 80 are used.
        is_plain: Whether bars may only have ASCII's characters.
        ways: Whether each change's way is told, too.
    """
    room = max(NARROWEST, min(width, WIDTH))
    signs = _PLAIN if is_plain else _SIGNS
    found = shown.stream
    made = [[StyledPart(cut(f"{found.app} to {shown.environment}", room), "bold")]]
    made += _text(words.head(shown), room)
    for sentence in words.summary(shown):
        made += _text(sentence, room)
    changes = [change for release in reversed(found.releases) for change in release.counted]
    if len(changes) >= FEWEST:
        made += [[], *_table(found.whole.steps, found.whole.total, room, signs)]
    if changes and (ways or len(changes) < FEWEST):
        for change in changes if ways else changes[:_WAYS]:
            made += [[], *_way(change, room, signs)]
    if changes:
        legend = "  ".join(f"{signs[kind]} {words.KIND_NAMES[kind]}" for kind in KINDS)
        made += [[], [StyledPart(legend, "dim")]]
    return [*made, *_metrics(shown, room), *_rest(shown, room)]


def _table(steps: Sequence[StageFigures], total: float, room: int, signs: Mapping[Kind, str]) -> Iterator[Line]:
    name = _NAME if room == WIDTH else _NARROW_NAME
    size = room - name - 3 * (_CELL + 1) - _SHARE - 2
    heads = "".join(f" {kind:>{_CELL}}" for kind in KINDS)
    yield [StyledPart(f"{'stage, p50/p85':<{name}}{heads}  {'of all time':>{size + _SHARE}.{size + _SHARE}}", "bold")]
    longest = max(step.total for step in steps)
    for step in steps:
        cells = "".join(f" {_cell(step.figures[kind], step.totals[kind]):>{_CELL}}" for kind in KINDS)
        share = words.percent(step.total / total if total else 0.0)
        bar = _bar([(kind, step.totals[kind]) for kind in KINDS], longest, size, signs)
        yield [StyledPart(f"{padded(words.stage(step.stage), name)}{cells}  "), *bar, StyledPart(f"{share:>{_SHARE}}")]


def _cell(figures: Figures, total: float) -> str:
    if not total:
        return "-"
    return "" if figures.p50 is None or figures.p85 is None else f"{_short(figures.p50)}/{_short(figures.p85)}"


def _short(seconds: float) -> str:
    """Five characters or six: whole units where it's long."""
    text = words.short(seconds)
    return text if len(text) <= 5 else text[: next(at for at, one in enumerate(text) if one.isalpha()) + 1]


def _bar(parts: Sequence[tuple[Kind, float]], longest: float, size: int, signs: Mapping[Kind, str]) -> list[StyledPart]:
    """A bar whose parts are as long as what they stand for, rounded so that they fit together."""
    made: list[StyledPart] = []
    used, done = 0, 0.0
    for kind, length in parts:
        done += length
        ends = max(used, round(done / longest * size) if longest else 0)
        if length and ends == used and used < size:
            ends += 1  # what's there is seen
        made.append(StyledPart(signs[kind] * (ends - used), _STYLES[kind]))
        used = ends
    return [*made, StyledPart(" " * (size - used))]


def _way(change: StreamChange, room: int, signs: Mapping[Kind, str]) -> Iterator[Line]:
    """One change: its parts one below the other, each where it stands in the whole."""
    commit = change.commit
    yield [StyledPart(cut(f"{commit.id[:10]} {words.length(change.length)}: {commit.subject}", room), "bold")]
    name = _NAME if room == WIDTH else _NARROW_NAME
    bar = room - name - 36
    for segment in change.segments:
        left = round((segment.begins - change.began) / change.length * bar) if change.length else 0
        right = round((segment.ends - change.began) / change.length * bar) if change.length else 0
        left = min(left, bar - 1)
        drawn = " " * left + signs[segment.kind] * max(1, right - left)
        kind = words.KIND_NAMES[segment.kind] + (" (stop)" if segment.is_stop else "")
        yield [
            StyledPart(
                f"  {padded(words.stage(segment.stage), name)} {kind:<18.18}{words.length(segment.length):>12}  "
            ),
            StyledPart(drawn, _STYLES[segment.kind]),
        ]


def _metrics(shown: Shown, room: int) -> Iterator[Line]:
    yield []
    yield [StyledPart("DORA's metrics and what they mean", "bold")]
    yield [StyledPart(f"  {SOURCE}", "dim")]
    for name, value, definition in words.metrics(shown):
        yield from _text(f"{name}: {value}", room, indent="  ", style="")
        yield from _text(definition, room, indent="    ", style="dim")
    for text in words.beside(shown):
        yield from _text(text, room, indent="  ")


def _rest(shown: Shown, room: int) -> Iterator[Line]:
    waiting = shown.stream.waiting
    if waiting:
        yield []
        yield [StyledPart(f"not in {shown.environment} yet: {words.counted(len(waiting), 'commit')}", "bold")]
        for one in waiting[:_WAITING]:
            yield [
                StyledPart(f"  {one.commit.id[:10]} {words.length(one.age):>12}  {cut(one.commit.subject, room - 27)}")
            ]
        if len(waiting) > _WAITING:
            yield [StyledPart(f"  and {len(waiting) - _WAITING} older ones: --json has them all", "dim")]
    told = list(words.notes(shown))
    if told:
        yield []
    for text in told:
        yield from _text(text, room, style="dim")


def _text(text: str, room: int, indent: str = "", style: str = "") -> Iterator[Line]:
    for number, line in enumerate(textwrap.wrap(clean(text), room - len(indent) - 2, break_on_hyphens=False)):
        yield [StyledPart(f"{indent}{'  ' if number else ''}{line}", style)]


def cut(text: str, size: int) -> str:
    """A text in so many columns at most, its controls made visible."""
    from rich.cells import cell_len, set_cell_size

    plain = clean(" ".join(text.split()))
    return plain if cell_len(plain) <= size else set_cell_size(plain, size - 1).rstrip() + "…"


def padded(text: str, size: int) -> str:
    """A text in exactly so many columns."""
    from rich.cells import cell_len

    short = cut(text, size)
    return short + " " * (size - cell_len(short))
