"""The renderers' common shape, and which one a run gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Protocol

from cdconf.events import Event, RunResult
from cdconf.render.style import Style


class Renderer(Protocol):
    """Shows events as they come (it's an `Emit`, called from several threads), then the result."""

    def __call__(self, event: Event) -> None:
        """Shows one event."""

    def finish(self, result: RunResult) -> None:
        """Shows the result; nothing follows."""

    def close(self) -> None:
        """Gives the terminal back without showing a result."""


def make_renderer(style: Style, mask: Callable[[str], str]) -> Renderer:
    """JSON when asked for, live progress on a terminal, plain lines elsewhere.

    Args:
        style: What the command line asks for.
        mask: Takes secrets out of all text.
    """
    if style.json:
        from cdconf.render.jsonout import JsonRenderer

        return JsonRenderer(style, mask)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from cdconf.render.live import LiveRenderer

        return LiveRenderer(style, mask)
    from cdconf.render.plain import PlainRenderer

    return PlainRenderer(style, mask)
