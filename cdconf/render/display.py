"""The live part at a terminal's end. Whatever else is written there, by whichever way, finds it gone."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console, RenderableType
from rich.live import Live

from cdconf.render.outlet import beside, outlet_of

TICK = 0.125  # seconds between two drawings
REST = 0.25  # seconds for which it stays away after something else was written


class Display:
    """Drawn anew several times a second until it's stopped.

    A table that goes to stdout while this stands on the same terminal would be drawn over. So each write to stdout or
    stderr that isn't the display's own takes it away first, and it's back a moment later, below what was written.

    Args:
        render: Gives what's to be seen now.
        colours: See `rich.console.Console`.
    """

    def __init__(self, render: Callable[[], RenderableType], colours: Literal["auto"] | None) -> None:
        file = beside(sys.stderr)
        self.console = Console(file=file, color_system=colours, highlight=False, soft_wrap=True)
        self._render = render
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._held = False
        self._mid_line = False
        self._written = 0.0
        self._ended = threading.Event()
        self._outlets = [one for one in map(outlet_of, (sys.stdout, sys.stderr)) if one is not None and one.isatty()]
        for outlet in self._outlets:
            outlet.around = self._aside
        self._ticker = threading.Thread(target=self._tick, name="cdconf-display", daemon=True)

    def start(self) -> None:
        """Lets it be seen from the next drawing on."""
        self._ticker.start()

    def print(self, text: RenderableType) -> None:
        """Writes lines above it."""
        with self._lock:
            self._mid_line = False  # a question that stood there was answered
            self.console.print(text)

    def hold(self, held: bool) -> None:
        """Keeps it away, or lets it come back: somebody is being asked on the terminal."""
        with self._lock:
            self._erase()
            self._held = held

    def stop(self) -> None:
        """Takes it away for good."""
        self._ended.set()
        if self._ticker is not threading.current_thread():
            self._ticker.join()
        with self._lock:
            self._erase()
        for outlet in self._outlets:
            if outlet.around == self._aside:
                outlet.around = None

    @contextmanager
    def _aside(self, content: bytes) -> Iterator[None]:
        with self._lock:
            self._erase()
            try:
                yield
            finally:
                self._mid_line = not content.endswith(b"\n")
                self._written = time.monotonic()

    def _tick(self) -> None:
        while not self._ended.wait(TICK):
            with self._lock:
                away = self._held or self._mid_line or time.monotonic() - self._written < REST
                if not away and not self._ended.is_set():
                    self._draw()

    def _draw(self) -> None:
        if self._live is not None:
            self._live.refresh()
            return
        # A new one each time: one that was stopped remembers where it stood.
        self._live = Live(
            get_renderable=self._render,
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def _erase(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()
