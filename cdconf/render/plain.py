"""Plain lines, for pipes, logs and cron: progress and errors on stderr, the recap on stdout."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from cdconf.events import Event, HostStep, RunResult
from cdconf.render import words
from cdconf.render.style import Style

QUIET = 10.0  # seconds after which a run that waits says what for


class PlainRenderer:
    """See `Renderer`. What hosts are busy with is said only when nothing else was for a while."""

    def __init__(self, style: Style, mask: Callable[[str], str]) -> None:
        self._style = style
        self._mask = mask
        self._lock = threading.Lock()
        self._said = time.monotonic()

    def __call__(self, event: Event) -> None:
        line = words.line_of(event, self._style)
        with self._lock:
            if line is None and isinstance(event, HostStep) and time.monotonic() - self._said >= QUIET:
                line = words.shown(f"  {event.host}: {event.message}")
            if line is not None:
                self._said = time.monotonic()
                print(self._mask(line), file=sys.stderr, flush=True)

    def finish(self, result: RunResult) -> None:
        for line in words.recap(result):
            print(self._mask(line))
        sys.stdout.flush()
        for line in words.error_lines(result):
            print(self._mask(line), file=sys.stderr)

    def close(self) -> None:
        """Nothing is held."""
