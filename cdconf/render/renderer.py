"""The renderers' common shape, and which one a run gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cdconf.events import Event, RunResult


@dataclass(frozen=True)
class Style:
    """How a run is shown."""

    json: bool = False
    diff: bool = False
    verbose: bool = False


class Renderer(Protocol):
    """Shows events as they come (it's an `Emit`, called from several threads), then the result."""

    def __call__(self, event: Event) -> None:
        """Shows one event."""

    def finish(self, result: RunResult) -> None:
        """Shows the result; nothing follows."""

    def close(self) -> None:
        """Gives the terminal back without showing a result."""


def has_colour(stream: object) -> bool:
    """Whether a stream is a terminal that wants colour (https://no-color.org)."""
    is_terminal = getattr(stream, "isatty", lambda: False)()
    return bool(is_terminal) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colour_system(stream: object) -> Literal["auto"] | None:
    """What rich should use on a stream; None: not even dim or bold, which rich's own `no_color` leaves."""
    return "auto" if has_colour(stream) else None


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
