"""Whether it's the time to begin: the links of windows and freezes. Pure: what time it is, is given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cdconf.inventory.opening import MINUTE, SEARCHED, freezes_at, is_open, opens
from cdconf.inventory.requirement import DAYS
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.reasons import span

if TYPE_CHECKING:
    from cdconf.inventory.requirement import Freeze, Window
    from cdconf.promotion.requirements import Requirements


def time_links(wanted: Requirements, now: float) -> list[CandidateLink]:
    """The links of windows and freezes.

    Args:
        wanted: What's asked for.
        now: The time that counts.
    """
    together = _memo(lambda: opens(wanted.windows, wanted.freezes, now))
    links = [_window(window, wanted, now, together) for window in wanted.windows]
    return links + [_freeze(freeze, wanted, now, together) for freeze in wanted.freezes if freeze.ends > now]


def _window(window: Window, wanted: Requirements, now: float, together: Callable[[], float | None]) -> CandidateLink:
    name = f"window {window}"
    if is_open(window, now):
        return CandidateLink(name, "there", f"it's open: it's {shown(now, window.zone)}")
    own = opens([window], (), now)
    if own is None:
        why = f"it's {shown(now, window.zone)}, and it doesn't open within {SEARCHED} days ({window.source})"
        return CandidateLink(name, "missing", why)
    why = f"it's {shown(now, window.zone)}, and it opens at {shown(own, window.zone)} ({window.source})"
    return CandidateLink(name, "missing", f"{why}; {_advice(together(), own, now, window.zone, wanted)}")


def _freeze(freeze: Freeze, wanted: Requirements, now: float, together: Callable[[], float | None]) -> CandidateLink:
    name = f"freeze {freeze.text}"
    zone = freeze.text.rpartition(" ")[2]
    if not freezes_at(freeze, now):
        return CandidateLink(name, "there", f"it begins at {shown(freeze.begins, zone)}")
    why = f"{freeze.why}; it ends at {shown(freeze.ends, zone)} ({freeze.source})"
    return CandidateLink(name, "missing", f"{why}; {_advice(together(), freeze.ends, now, zone, wanted)}")


def _advice(together: float | None, own: float, now: float, zone: str, wanted: Requirements) -> str:
    """What to do: wait until all windows and freezes allow it, which may be later than this one does."""
    if together is None:
        sources = ", ".join(
            [*(window.source for window in wanted.windows), *(freeze.source for freeze in wanted.freezes)]
        )
        return f"never at a time at which the others allow it, within {SEARCHED} days: see {sources}"
    later = f" until {shown(together, zone)}, when all windows and freezes allow it" if together > own else ""
    return f"wait {span(max(together - now, MINUTE))}{later}"


def shown(at: float, zone: str) -> str:
    """A time for people, by the clocks of a zone: `Thu 2026-12-03 16:12 Europe/Berlin`."""
    local = datetime.fromtimestamp(at, ZoneInfo(zone))
    offset = f" ({local.tzname()})" if _happens_twice(local) else ""
    return f"{DAYS[local.weekday()].capitalize()} {local:%Y-%m-%d %H:%M}{offset} {zone}"


def _happens_twice(local: datetime) -> bool:
    """Whether clocks show this time twice, since they go back: not whether they skip it."""
    first, second = (local.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return first > second


def _memo(find: Callable[[], float | None]) -> Callable[[], float | None]:
    """Looks for it once, and only when it's asked for."""
    found: list[float | None] = []

    def asked() -> float | None:
        if not found:
            found.append(find())
        return found[0]

    return asked
