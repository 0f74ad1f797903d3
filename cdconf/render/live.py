"""Live progress on a terminal: what each host is doing now, below what has happened."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cdconf.events import Asking, Event, HostDone, HostStep, ResourceDone, RunResult, RunStarted, Step
from cdconf.render import words
from cdconf.render.display import Display
from cdconf.render.renderer import Style, colour_system

SHOWN = 12  # hosts that are shown one by one; the others are counted
_COLOURS = {"!": "red", "~": "yellow", "?": "magenta", "=": "bold", "w": "yellow", "-": "dim", "o": "magenta"}


@dataclass
class _Busy:
    step: str = "waiting"
    ok: int = 0
    changed: int = 0
    done: bool = False
    ended: bool = False  # it was done once: what it's waited for in one step is over with that


class LiveRenderer:
    """See `Renderer`."""

    def __init__(self, style: Style, mask: Callable[[str], str]) -> None:
        self._style = style
        self._mask = mask
        self._hosts: dict[str, _Busy] = {}
        self._step = ""
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        self._display = Display(self._render, colour_system(sys.stderr))
        self._display.start()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Asking):
            self._display.hold(event.begins)
            return
        with self._lock:
            self._note(event)
        line = words.line_of(event, self._style)
        if line is not None:
            self._display.print(self._coloured(self._mask(line)))

    def _note(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._hosts = {name: _Busy() for name in event.hosts}
        elif isinstance(event, Step):
            self._step = event.message
            for one in self._hosts.values():
                one.done = one.ended
        elif isinstance(event, HostStep):
            self._busy(event.host).step = event.message
            self._busy(event.host).done = False
        elif isinstance(event, ResourceDone):
            busy = self._busy(event.host)
            busy.step = f"{event.type} {event.title}"
            busy.ok += event.status == "ok"
            busy.changed += event.status in ("changed", "would_change") and event.waived is None
        elif isinstance(event, HostDone):
            self._busy(event.host).done = self._busy(event.host).ended = True

    def _busy(self, name: str) -> _Busy:
        return self._hosts.setdefault(name, _Busy())

    def _render(self) -> RenderableType:
        with self._lock:
            busy = {name: one for name, one in self._hosts.items() if not one.done}
            table = Table.grid(padding=(0, 2))
            shown = max(1, min(SHOWN, self._display.console.height - 3))  # what has left the screen can't be taken away
            for name, one in list(busy.items())[:shown]:
                counts = f"ok={one.ok} changed={one.changed}"
                step = Text(
                    words.shown(self._mask(one.step).partition("\n")[0][:200]), no_wrap=True, overflow="ellipsis"
                )
                table.add_row(self._spinner, Text(name, "bold"), Text(counts, "dim"), step)
            more = f" · {len(busy) - shown} more hosts" if len(busy) > shown else ""
            seconds = f"{time.monotonic() - self._began:.0f} s"
            return Group(table, Text(f"{self._step}{more} · {seconds}", "dim"))

    def _coloured(self, text: str) -> Text:
        result = Text()
        for number, line in enumerate(text.split("\n")):
            start = line.strip()[:1] if number else line[:1]
            style = {"+": "green", "-": "red"}.get(start, "") if number else _COLOURS.get(start, "")
            result.append(("\n" if number else "") + line, style)
        return result

    def finish(self, result: RunResult) -> None:
        self._display.stop()
        out = Console(color_system=colour_system(sys.stdout), highlight=False, soft_wrap=True)
        for line, host in zip(words.recap(result), result.hosts.values(), strict=False):
            bad = host.status in ("failed", "unreachable", "rolled_back")
            out.print(Text(self._mask(line), "red" if bad else "yellow" if host.changed else "green"))
        for line in words.error_lines(result):
            self._display.print(Text(self._mask(line), "bold red" if line.startswith("error") else ""))

    def close(self) -> None:
        self._display.stop()
