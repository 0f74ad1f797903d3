"""How long the sender tries: pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How often and how long something is tried.

    Attributes:
        sure: Seconds of the pauses after attempts that surely didn't reach the receiver; the attempt after the last
            pause is the last.
        unsure: The same, where it may have: each further attempt may tell people the same once more.
        expires: Seconds after which a message that still waits is given up.
        ping: Seconds of a ping's pauses; it isn't true for long.
        ping_expires: Seconds after which a ping isn't sent any more.
        look: Seconds between looks for what's new.
    """

    sure: tuple[float, ...] = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 3600.0, 3600.0, 3600.0)
    unsure: tuple[float, ...] = (60.0, 300.0, 1200.0, 4800.0)
    expires: float = 3 * 86400.0
    ping: tuple[float, ...] = (5.0, 15.0, 30.0)
    ping_expires: float = 300.0
    look: float = 1.0


def is_due(next_at: float, pause: float, now: float) -> bool:
    """Whether a pause is over. One that's longer than it was meant is over, too: the clock was set back.

    Args:
        next_at: When it ends, in seconds since 1970.
        pause: How long it is, in seconds.
        now: The time.
    """
    return next_at <= now or next_at - now > pause
