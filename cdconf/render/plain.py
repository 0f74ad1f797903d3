"""Plain lines, for pipes, logs and cron: progress and errors on stderr, the recap on stdout."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from cdconf.events import Event, HostStep, RunResult
from cdconf.render import words
from cdconf.render.grouped import Grouped, recap_rows
from cdconf.render.style import Style

QUIET = 10.0  # seconds after which a run that waits says what for


class PlainRenderer:
    """See `Renderer`. What hosts are busy with is said only when nothing else was for a while."""

    def __init__(self, style: Style, mask: Callable[[str], str]) -> None:
        self._style = style
        self._mask = mask
        self._grouped = Grouped(style)
        self._lock = threading.Lock()
        self._said = time.monotonic()

    def __call__(self, event: Event) -> None:
        with self._lock:
            lines = self._grouped.lines(event)
            if not lines and isinstance(event, HostStep) and time.monotonic() - self._said >= QUIET:
                lines = [words.shown(f"  {event.host}: {event.message}")]
            self._say(lines)

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self._said = time.monotonic()
            print(self._mask(line), file=sys.stderr, flush=True)

    def finish(self, result: RunResult) -> None:
        self.close()
        for line, _ in recap_rows(result, self._style):
            print(self._mask(line))
        sys.stdout.flush()
        for line in words.error_lines(result):
            print(self._mask(line), file=sys.stderr)

    def close(self) -> None:
        with self._lock:
            self._say(self._grouped.rest())
