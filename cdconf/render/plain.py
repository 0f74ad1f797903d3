"""Plain lines, for pipes, logs and cron: progress and errors on stderr, the recap on stdout."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from cdconf.events import Event, RunResult
from cdconf.render import words
from cdconf.render.renderer import Style


class PlainRenderer:
    """See `Renderer`."""

    def __init__(self, style: Style, mask: Callable[[str], str]) -> None:
        self._style = style
        self._mask = mask
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        line = words.line_of(event, self._style)
        if line is not None:
            with self._lock:
                print(self._mask(line), file=sys.stderr, flush=True)

    def finish(self, result: RunResult) -> None:
        for line in words.recap(result):
            print(self._mask(line))
        sys.stdout.flush()
        for line in words.error_lines(result):
            print(self._mask(line), file=sys.stderr)

    def close(self) -> None:
        """Nothing is held."""
