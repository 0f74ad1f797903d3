"""How a run is shown: what was asked for, and what a terminal can do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Style:
    """How a run is shown."""

    json: bool = False
    diff: bool = False
    verbose: bool = False


def has_colour(stream: object) -> bool:
    """Whether a stream is a terminal that wants colour (https://no-color.org)."""
    is_terminal = getattr(stream, "isatty", lambda: False)()
    return bool(is_terminal) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colour_system(stream: object) -> Literal["auto"] | None:
    """What rich should use on a stream; None: not even dim or bold, which rich's own `no_color` leaves."""
    return "auto" if has_colour(stream) else None
