"""What may be required besides stages: approvals, windows, freezes, soaks; each knows where it's written."""

from __future__ import annotations

from dataclasses import dataclass, field

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60  # minutes
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


@dataclass(frozen=True)
class Approvals:
    """People must have approved.

    Attributes:
        count: How many.
        groups: Groups or people of the policy, of which they must be; none: anybody whom the policy knows.
        not_author: Whether nobody counts who has written something of it.
        expires: How old an approval may be, in seconds; None: as old as it is.
        source: `file:line`.
    """

    count: int = 1
    groups: tuple[str, ...] = ()
    not_author: bool = False
    expires: float | None = None
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        text = f"{self.count} {'person' if self.count == 1 else 'people'}"
        text += f" of {', '.join(self.groups)}" if self.groups else ""
        text += ", no author" if self.not_author else ""
        return text + (f", for {seconds_text(self.expires)}" if self.expires is not None else "")


@dataclass(frozen=True)
class Window:
    """The times of the week at which something may begin, by the clocks of a zone.

    Attributes:
        days: 0 is Monday; the days on which it opens.
        begins: Minutes after midnight.
        ends: The same, exclusive, up to 1440; when it's before `begins`, that's on the next day.
        zone: Such as `Europe/Berlin`.
        source: `file:line`.
    """

    days: frozenset[int]
    begins: int
    ends: int
    zone: str
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{_days(self.days)} {_minutes(self.begins)} to {_minutes(self.ends)} {self.zone}"


@dataclass(frozen=True)
class Freeze:
    """A time at which nothing begins.

    Attributes:
        begins: Seconds since 1970.
        ends: The same, exclusive.
        why: The reason.
        text: As it's written: `2026-12-20 to 2027-01-03 Europe/Berlin`.
        source: `file:line`.
    """

    begins: float
    ends: float
    why: str
    text: str = field(compare=False)
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.text}: {self.why}"


@dataclass(frozen=True)
class Soak:
    """The hosts of a stage must have held the release for a while.

    Attributes:
        stage: The stage's name.
        seconds: For how long.
        source: `file:line`.
    """

    stage: str
    seconds: float
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{seconds_text(self.seconds)} in {self.stage}"


@dataclass(frozen=True)
class RequirementEntry:
    """An entry of `require` for people: `max_age`, `7d`, `inventories/production/hosts.yml:9`.

    Attributes:
        stages: The stages that it names.
    """

    key: str
    text: str
    source: str
    stages: tuple[str, ...] = ()


def _days(days: frozenset[int]) -> str:
    """`mon-thu`, `mon,wed`, `every day`."""
    if len(days) == len(DAYS):
        return "every day"
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = (f"{DAYS[run[0]]}-{DAYS[run[-1]]}" if len(run) > 2 else ",".join(DAYS[one] for one in run) for run in runs)
    return ",".join(words)


def _minutes(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def seconds_text(seconds: float) -> str:
    """A length of time as project files have it: `7d`, `90m`."""
    size, unit = next((one for one in _UNITS if seconds % one[0] == 0), (1, "s"))
    return f"{seconds / size:g}{unit}"
