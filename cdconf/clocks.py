"""What time it is; clocks that differ: how that's measured, what's said of it, and which one counts."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOLERANCE = 30.0  # seconds by which clocks may differ without a word
_NAMED = 5
_UNITS = (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def _now() -> float:
    return time.time()  # looked up at each call: what replaces it replaces it for all


def _nobody_asked() -> float | None:
    return None


@dataclass(frozen=True)
class Clock:
    """What time it is, for all that's judged by time.

    Attributes:
        here: Tells this machine's time, in seconds since 1970.
        ahead: Tells by how many seconds the clock that counts, see `difference`, is ahead of it, or None when nobody
            knows.
    """

    here: Callable[[], float] = _now
    ahead: Callable[[], float | None] = _nobody_asked

    def counted(self) -> float:
        """The time that counts: that of the hosts once they were asked, since a laptop's clock may be anywhere."""
        by = self.ahead()
        return self.here() + (by if by is not None and abs(by) > TOLERANCE else 0.0)


def ahead(theirs: object, before: float, after: float) -> float | None:
    """By how many seconds another clock is ahead of this machine's.

    Args:
        theirs: What it showed, in seconds since 1970; from outside, so that it may be anything.
        before: This machine's time when the other one was asked.
        after: This machine's time when the answer was here.

    Returns:
        0.0 if the other clock showed a time in between; None if it showed no time.
    """
    if isinstance(theirs, bool) or not isinstance(theirs, (int, float)) or not math.isfinite(theirs):
        return None
    if theirs < before - 1:  # an object store counts whole seconds
        return round(theirs - before, 1)
    return round(theirs - after, 1) if theirs > after else 0.0


def difference(clocks: Mapping[str, Mapping[str, float]]) -> float | None:
    """What's added to this machine's time to have the one that counts: its hosts', else the store's.

    Of several hosts it's the middle one's: a single one whose clock is wrong decides nothing.

    Args:
        clocks: See `Collector.clocks`.
    """
    seen = clocks["host"] or clocks["store"]
    return median_low(seen.values()) if seen else None


def told(ahead_by: Mapping[str, float]) -> list[str]:
    """What is said of clocks that differ from this machine's, a line for each difference; nothing of others."""
    by_text: dict[str, list[str]] = {}
    for name, seconds in ahead_by.items():
        if abs(seconds) > TOLERANCE:
            way = "behind" if seconds > 0 else "ahead of"
            by_text.setdefault(f"{length(abs(seconds))} {way}", []).append(f"{name}'s")
    here = socket.gethostname()
    return [f"clocks differ: this machine's ({here}) is {text} {_list(names)}" for text, names in by_text.items()]


def _list(names: Iterable[str]) -> str:
    known = list(names)
    more = [f"{len(known) - _NAMED} more"] if len(known) > _NAMED else []
    *first, last = [*known[:_NAMED], *more]
    return f"{', '.join(first)} and {last}" if first else last


def length(seconds: float) -> str:
    """A length of time for people: `40 s`, `60 min`, `3 h`."""
    unit, length = next(one for one in _UNITS if seconds >= 2 * one[1] or one[1] == 1.0)
    return f"{seconds / length:.0f} {unit}"
