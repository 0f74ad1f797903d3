"""Live progress on a terminal: what each host is doing now, below what has happened."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cdconf.events import Asking, Event, RunResult
from cdconf.render import words
from cdconf.render.display import Display
from cdconf.render.grouped import Grouped, recap_rows
from cdconf.render.progress import Progress
from cdconf.render.style import Style, colour_system

SHOWN = 12  # hosts that are shown one by one; the others are counted
_COLOURS = {"!": "red", "~": "yellow", "?": "magenta", "=": "bold", "w": "yellow", "-": "dim", "o": "magenta"}


class LiveRenderer:
    """See `Renderer`."""

    def __init__(self, style: Style, mask: Callable[[str], str]) -> None:
        self._style = style
        self._mask = mask
        self._grouped = Grouped(style)
        self._progress = Progress(time.monotonic)
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        self._display = Display(self._render, colour_system(sys.stderr))
        self._display.start()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Asking):
            self._display.hold(event.begins)
            return
        with self._lock:
            self._progress.note(event)
            lines = self._grouped.lines(event)
        self._say(lines)

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._display.print(self._coloured(self._mask(line)))

    def _render(self) -> RenderableType:
        with self._lock:
            busy = self._progress.busy()
            step, seconds = self._progress.step, self._progress.seconds
        table = Table.grid(padding=(0, 2))
        shown = max(1, min(SHOWN, self._display.console.height - 3))  # what has left the screen can't be taken away
        for one in busy[:shown]:
            counts = f"ok={one.counts[0]} changed={one.counts[1]}"
            text = words.shown(self._mask(one.step).partition("\n")[0][:200])
            doing = Text(text, no_wrap=True, overflow="ellipsis")
            table.add_row(
                self._spinner, Text(one.host, "bold"), Text(counts, "dim"), Text(_lasts(one.seconds), "dim"), doing
            )
        more = f" · {len(busy) - shown} more hosts" if len(busy) > shown else ""
        # The time comes first: a narrow terminal cuts the end.
        return Group(table, Text(f"{seconds:.0f} s{more} · {step}", "dim", no_wrap=True, overflow="ellipsis"))

    def _coloured(self, text: str) -> Text:
        result = Text()
        for number, line in enumerate(text.split("\n")):
            start = line.strip()[:1] if number else line[:1]
            style = {"+": "green", "-": "red"}.get(start, "") if number else _COLOURS.get(start, "")
            result.append(("\n" if number else "") + line, style)
        return result

    def finish(self, result: RunResult) -> None:
        self.close()
        out = Console(color_system=colour_system(sys.stdout), highlight=False, soft_wrap=True)
        for line, host in recap_rows(result, self._style):
            bad = host.status in ("failed", "unreachable", "rolled_back")
            out.print(Text(self._mask(line), "red" if bad else "yellow" if host.changed else "green"))
        for line in words.error_lines(result):
            self._display.print(Text(self._mask(line), "bold red" if line.startswith("error") else ""))

    def close(self) -> None:
        with self._lock:
            lines = self._grouped.rest()
        self._display.stop()
        self._say(lines)


def _lasts(seconds: float) -> str:
    """How long a step takes already; nothing for one that has just begun."""
    return f"{seconds:.0f} s" if seconds >= 1 else ""
