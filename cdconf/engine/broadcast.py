"""Tells hosts something at once, without waiting for those that don't listen."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TOLD = 0.5  # seconds for which hosts that don't listen are waited for


def tell_together(tell: Iterable[Callable[[], None]]) -> None:
    """Calls each in a thread of its own; those that don't end soon go on without anybody.

    Args:
        tell: What raises nothing.
    """
    threads = [threading.Thread(target=one, daemon=True) for one in tell]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + TOLD
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
