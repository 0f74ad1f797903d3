"""When a cron job runs: the five fields of crontab(5), or one of its words."""

from __future__ import annotations

import re

WORDS = ("@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: tuple[tuple[str, int, int, tuple[str, ...], int], ...] = (
    ("minute", 0, 59, (), 0),
    ("hour", 0, 23, (), 0),
    ("day", 1, 31, (), 0),
    ("month", 1, 12, MONTHS, 1),
    ("weekday", 0, 7, DAYS, 0),
)
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([0-9]+))?\Z", re.ASCII)


def check(schedule: str) -> str:
    """The schedule with single blanks.

    Raises:
        ValueError: cron wouldn't understand it; the text says which field is wrong.
    """
    fields = schedule.split()
    if len(fields) == 1 and fields[0].startswith("@"):
        if fields[0] not in WORDS:
            raise ValueError(f"'{fields[0]}' isn't one of {', '.join(WORDS)}")
        return fields[0]
    if len(fields) != len(FIELDS):
        raise ValueError(f"'{schedule}' has {len(fields)} fields, not minute, hour, day, month and weekday")
    for text, (name, low, high, names, first) in zip(fields, FIELDS, strict=True):
        for part in text.split(","):
            _check_part(part, name, low, high, {word: index for index, word in enumerate(names, first)})
    return " ".join(fields)


def _check_part(part: str, name: str, low: int, high: int, names: dict[str, int]) -> None:
    found = _PART.match(part)
    if found is None or (found[1] == "*" and found[2]):
        raise ValueError(f"'{part}' can't be a {name}")
    ends = [] if found[1] == "*" else [_number(one, name, low, high, names) for one in found.groups()[:2] if one]
    if len(ends) == 2 and ends[0] > ends[1]:
        raise ValueError(f"the {name} '{part}' goes backwards")
    if found[3] and (int(found[3]) == 0 or (len(ends) == 1)):
        raise ValueError(f"the step of {name} '{part}' needs a range and a number above 0, such as */5")


def _number(text: str, name: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(text.lower(), int(text) if text.isascii() and text.isdigit() else -1)
    if not low <= number <= high:
        raise ValueError(f"'{text}' can't be a {name}: {low} to {high}")
    return number
