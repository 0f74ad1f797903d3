"""How often a schedule runs: what systemd's calendar and cron's fields say of it, and how many runs were missed.

Both know times of the clock, not distances: only what divides an hour or a day comes evenly. So a run that was missed
while the machine was off can be made up for, and everybody can say when the next one is due.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cdconf.errors import UsageError
from cdconf.inventory.values import seconds_of

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
_SECONDS = (10, 15, 20, 30)
_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
_HOURS = (1, 2, 3, 4, 6, 8, 12)
_ALL = (*_SECONDS, *(one * MINUTE for one in _MINUTES), *(one * HOUR for one in _HOURS), DAY, WEEK)
_MOST_JITTER = 300  # seconds


@dataclass(frozen=True)
class Period:
    """A time between two runs.

    Attributes:
        seconds: One of those that divide an hour or a day evenly, or a day, or a week.
    """

    seconds: int

    @property
    def text(self) -> str:
        """As people write it: `30m`."""
        for size, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
            if self.seconds % size == 0:
                return f"{self.seconds // size}{letter}"
        return f"{self.seconds}s"

    @property
    def jitter(self) -> int:
        """Seconds within which a timer begins, so that not all machines ask the hosts at once."""
        return min(_MOST_JITTER, self.seconds // 10)

    @property
    def grace(self) -> float:
        """Seconds after which a run that was due is late: timers wait for the jitter, and cron looks once a minute."""
        return self.jitter + min(MINUTE, self.seconds / 2)

    def calendar(self) -> str:
        """systemd.time(7): `OnCalendar=`."""
        if self.seconds < MINUTE:
            return f"*:*:0/{self.seconds}"
        if self.seconds < HOUR:
            return f"*:0/{self.seconds // MINUTE}"
        if self.seconds < DAY:
            return f"0/{self.seconds // HOUR}:00"
        return "*-*-* 00:00" if self.seconds == DAY else "Mon *-*-* 00:00"

    def cron(self, offset: int) -> str:
        """crontab(5): the five fields. The offset, in seconds, spreads machines over the period."""
        minute, hour = offset // MINUTE, offset // HOUR
        if self.seconds < HOUR:
            step = self.seconds // MINUTE
            minutes = "*" if step == 1 else ",".join(str(one) for one in range(minute % step, 60, step))
            return f"{minutes} * * * *"
        if self.seconds < DAY:
            step = self.seconds // HOUR
            hours = "*" if step == 1 else ",".join(str(one) for one in range(hour % step, 24, step))
            return f"{minute % 60} {hours} * * *"
        return f"{minute % 60} {hour % 24} * * {'*' if self.seconds == DAY else '1'}"

    def offset(self, identity: str) -> int:
        """Seconds by which a line of cron's is later than the period's beginning: the same for one identity always."""
        return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") % min(self.seconds, DAY)

    def next(self, now: datetime, offset: int = 0) -> datetime:
        """When the next run is due after `now`, by the local clock; a timer begins within the jitter after that."""
        begins = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.seconds == WEEK:
            begins -= timedelta(days=begins.weekday())
        late = timedelta(seconds=offset - offset % MINUTE)
        due = begins + late - timedelta(seconds=self.seconds)
        while due <= now:
            due += timedelta(seconds=self.seconds)
        return due

    def missed(self, since: float, now: float) -> int:
        """How many runs were due and didn't come, `since` seconds of the epoch at which the last one began."""
        return max(0, int((now - since - self.grace) // self.seconds))


def period_of(text: str, *, for_cron: bool) -> Period:
    """What `--every` says.

    Raises:
        UsageError: It's no time, or none that comes evenly.
    """
    seconds = WEEK if text == "1w" else seconds_of(text)
    if seconds is None or seconds <= 0:
        raise UsageError(f"--every '{text}' isn't a time", hint="such as 30m, 6h or 1d")
    if seconds not in _ALL:
        below = max((one for one in _ALL if one < seconds), default=None)
        above = min((one for one in _ALL if one > seconds), default=None)
        near = " or ".join(Period(one).text for one in (below, above) if one)
        text = f"--every {text} doesn't divide an hour or a day, so that runs wouldn't come evenly"
        raise UsageError(text, hint=f"the nearest that does is {near}")
    if for_cron and seconds < MINUTE:
        raise UsageError(f"--every {text}: cron can't run anything more often than once a minute")
    return Period(int(seconds))
