"""Moments as people write them on the command line."""

from __future__ import annotations

from datetime import datetime

from cdconf.errors import UsageError
from cdconf.inventory.values import seconds_of


def moment(option: str, text: str | None, now: float) -> float | None:
    """A moment in seconds since 1970; None where none is given.

    Args:
        option: Which option it's of, for the error.
        text: How long ago (`30d`, `12h`), a day or a time (`2026-11-30`, `2026-11-30T14:00+01:00`); without a zone it's
            this machine's.
        now: This machine's time.

    Raises:
        UsageError: It's none of these.
    """
    if text is None:
        return None
    ago = seconds_of(text.strip())
    if ago is not None:
        return now - ago
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        hint = "such as 30d, 12h, 2026-11-30 or 2026-11-30T14:00"
        raise UsageError(f"{option} isn't a time: '{text}'", hint=hint) from error
