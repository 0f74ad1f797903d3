"""Reads the times of `require`: windows, freezes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cdconf.errors import did_you_mean
from cdconf.inventory.require_keys import FREEZE, WINDOW
from cdconf.inventory.requirement import DAY, DAYS, Freeze, Window
from cdconf.inventory.section import Section
from cdconf.yamlfile import YamlMap, expect, shown

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_YEARS = range(2000, 3000)  # clocks of all zones, and what comes after a freeze, can be told of these
_RANGE = re.compile(r"([a-z]+)(?:-([a-z]+))?")


def read_window(given: YamlMap, source: str) -> Window:
    """A window.

    Args:
        given: What's written.
        source: `file:line`.

    Raises:
        InvalidFile: It breaks a rule, or never opens.
    """
    section = Section(given, WINDOW, "window")
    begins, ends = _minutes(section["from"]), _minutes(section["to"])
    if begins in (ends, DAY):
        hint = "`from` is when it opens, `to` when it closes; leave both out for the whole day"
        raise section.error("this window never opens", "from" if "from" in section else "to", hint)
    zone = zone_of(given, "window")
    return Window(_days(section), begins, ends, zone.key, source)


def read_freeze(given: YamlMap, source: str) -> Freeze:
    """A freeze; for arguments and errors see `read_window`."""
    section = Section(given, FREEZE, "freeze")
    zone = zone_of(given, "freeze")
    begins, ends = _moment(section, "from", zone), _moment(section, "to", zone)
    if begins >= ends:
        raise section.error("this freeze ends before it begins", "to", "`from` is its first day, `to` its last one")
    why = section["why"].strip()
    if not why:
        raise section.error("this freeze has no reason", "why", "say why: everybody sees it who is refused")
    return Freeze(begins, ends, why, f"{section['from']} to {section['to']} {zone.key}", source)


def zone_of(section: YamlMap, what: str) -> ZoneInfo:
    """The time zone that a mapping names; UTC if none.

    Raises:
        InvalidFile: There's none of this name.
    """
    from zoneinfo import ZoneInfo, available_timezones

    name = expect(section, "zone", str, what, "UTC")
    try:
        if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a directory of zones, such as Europe
        pass
    known = available_timezones()
    hint = (did_you_mean(name, known) if "/" in name else None) or "such as Europe/Berlin or UTC"
    raise section.error(f"there is no time zone {shown(name)}", "zone", hint if known else "install tzdata")


def _minutes(text: str) -> int:
    """Minutes after midnight."""
    return int(text[:2]) * 60 + int(text[3:])


def _days(section: Section) -> frozenset[int]:
    found: set[int] = set()
    for word in ",".join(section["days"]).split(","):
        match = _RANGE.fullmatch(word.strip().lower())
        if match is None:
            raise section.error(f"{shown(word)} isn't a day", "days", "such as mon-thu, or mon,wed")
        first = _day(section, match[1])
        last = _day(section, match[2]) if match[2] else first
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return frozenset(found)


def _day(section: Section, word: str) -> int:
    if word not in DAYS:
        raise section.error(
            f"unknown day '{word}'", "days", did_you_mean(word, DAYS) or f"there are: {', '.join(DAYS)}"
        )
    return DAYS.index(word)


def _moment(section: Section, key: str, zone: ZoneInfo) -> float:
    """Seconds since 1970; a day without a time is its first moment, and for `to` the end of it."""
    text = section[key]
    try:
        found = datetime.fromisoformat(text)
        if found.year not in _YEARS:
            raise ValueError
        if key == "to" and len(text) == len("2026-12-20"):
            found += timedelta(days=1)
        return found.replace(tzinfo=zone).timestamp()
    except (ValueError, OverflowError) as error:
        raise section.refused(key) from error
