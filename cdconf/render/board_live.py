"""The board on a terminal's whole screen, drawn anew while it's looked at; in a pipe, each time that it changes."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from cdconf.errors import CdconfError
from cdconf.render.board import Line, StyledPart, lines
from cdconf.render.outlet import is_over
from cdconf.render.style import colour_system

if TYPE_CHECKING:
    from types import FrameType

    from cdconf.pipeline.board.rows import Board

EVERY = 1.0  # seconds between two looks at the store, and so many times as long as a look takes
PATIENCE = 4.0
TICK = 0.5  # seconds between two drawings: what it says of "for how long" goes on


def watch(read: Callable[[], Board], warnings: Sequence[str]) -> None:
    """Shows the board until Ctrl-C, or until nobody reads it any more.

    Args:
        read: Gives the board; an error is shown in its place, and it's tried again.
        warnings: What's to be said beside it; read anew each time.
    """
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        _on_screen(_BoardLook(read, warnings))
    else:
        _in_pipe(_BoardLook(read, warnings))


class _BoardLook:
    """What was seen last, and when to look again."""

    def __init__(self, read: Callable[[], Board], warnings: Sequence[str]) -> None:
        self._read = read
        self._warnings = warnings
        self._next = 0.0
        self._board: Board | None = None
        self._error = ""
        self._read_at = 0.0

    def again(self) -> None:
        """Reads the store, if it's time."""
        began = time.monotonic()
        if began < self._next:
            return
        try:
            self._board, self._error = self._read(), ""
            self._read_at = time.monotonic()
        except CdconfError as error:
            self._error = str(error)
        took = time.monotonic() - began
        self._next = time.monotonic() + EVERY + PATIENCE * took

    def lines(self, width: int | None, *, aging: bool) -> list[Line]:
        """What's to be seen now; `aging`: times go on between two looks."""
        from dataclasses import replace

        found: list[Line] = []
        if self._board is not None:
            passed = time.monotonic() - self._read_at if aging else 0.0
            found = lines(replace(self._board, now=self._board.now + passed), width)
        if self._error:
            found += [[], [StyledPart(f"the board can't be read now: {self._error}", "red")]]
        return found + [[StyledPart(f"warning: {warning}", "yellow")] for warning in self._warnings]


def _on_screen(look: _BoardLook) -> None:
    console = Console(file=sys.stdout, color_system=colour_system(sys.stdout), highlight=False)
    with _resizes() as wait, Live(console=console, screen=True, auto_refresh=False) as live:
        while not is_over(sys.stdout):
            look.again()
            width, height = console.size
            live.update(_fitted(look.lines(width, aging=True), height), refresh=True)
            wait(TICK)


def _fitted(found: list[Line], height: int) -> Text:
    """As many lines as the screen has, the last one for what it has no room for."""
    shown = found if len(found) <= height else found[: height - 1]
    if len(shown) < len(found):
        shown = [*shown, [StyledPart(f"… {len(found) - len(shown)} more lines: `cdconf pipeline status`", "dim")]]
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, line in enumerate(shown):
        text.append("\n" if number else "")
        for part in line:
            text.append(part.text, part.style)
    return text


@contextmanager
def _resizes() -> Iterator[Callable[[float], None]]:
    """A wait that ends early when the terminal gets another size."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    os.set_blocking(read, False)

    def resized(number: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(write, b"\0")

    def wait(seconds: float) -> None:
        if select.select([read], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                os.read(read, 4096)

    before = signal.signal(signal.SIGWINCH, resized)
    try:
        yield wait
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(read)
        os.close(write)


def _in_pipe(look: _BoardLook) -> None:
    said = ""
    while not is_over(sys.stdout):
        look.again()
        text = "\n".join("".join(part.text for part in line).rstrip() for line in look.lines(None, aging=False))
        if _without_times(text) != _without_times(said):
            print(f"{text}\n", flush=True)
            said = text
        time.sleep(TICK)


def _without_times(text: str) -> str:
    """That a second has gone by is no news."""
    import re

    return re.sub(r"\b[0-9.e+]+ (d|h|min|s)\b *", "", text)
