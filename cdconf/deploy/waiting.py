"""Waiting that people can follow: what for, and how many seconds are left."""

from __future__ import annotations

import time
from collections.abc import Iterable

from cdconf.events import Emit, HostStep

TICK = 1.0  # seconds


def count_down(hosts: Iterable[str], what: str, seconds: float, emit: Emit, *, after: float = 0.0) -> None:
    """Sleeps, and says every second on behalf of each host how many are left.

    Args:
        hosts: The names of those that are waited for.
        what: Such as "soaking".
        seconds: How long.
        emit: The event stream.
        after: Seconds of waiting that follow these, and are counted too.
    """
    names = list(hosts)
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        for name in names:
            emit(HostStep(name, f"{what}, {left + after:.0f} s left"))
        time.sleep(min(left, TICK))
