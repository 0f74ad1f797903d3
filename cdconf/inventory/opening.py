"""When windows are open and freezes hold. Pure: what time it is, is given.

A window is open by what clocks on the wall show in its zone. So one from 02:00 to 03:00 doesn't open on the night on
which clocks go forward, and opens twice on the night on which they go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from cdconf.inventory.requirement import Freeze, Window

MINUTE = 60.0
DAY = 86400.0
SEARCHED = 15  # days in which the next opening is looked for: every day of the week, twice


def is_open(window: Window, at: float) -> bool:
    """Whether a window is open at a time, in seconds since 1970."""
    local = datetime.fromtimestamp(at, ZoneInfo(window.zone))
    minute, day = local.hour * 60 + local.minute, local.weekday()
    if window.begins < window.ends:
        return day in window.days and window.begins <= minute < window.ends
    before = (day - 1) % 7
    return (day in window.days and minute >= window.begins) or (before in window.days and minute < window.ends)


def freezes_at(freeze: Freeze, at: float) -> bool:
    """Whether a freeze holds at a time."""
    return freeze.begins <= at < freeze.ends


def opens(windows: Sequence[Window], freezes: Sequence[Freeze], now: float) -> float | None:
    """The first moment from now on in which all windows are open and no freeze holds; None: not in the next days."""
    at = now
    until = now + SEARCHED * DAY
    while at < until:
        frozen = [freeze.ends for freeze in freezes if freezes_at(freeze, at)]
        if frozen:
            at = max(frozen)
            until = at + SEARCHED * DAY
        elif all(is_open(window, at) for window in windows):
            return at
        else:
            at = (at // MINUTE + 1) * MINUTE
    return None
