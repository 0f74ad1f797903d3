"""Reads inventories/ENV/waivers.yml: findings of `drift` that are accepted until a day, each with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdconf.errors import UsageError
from cdconf.inventory.limit import select
from cdconf.inventory.waiver_keys import DAY, WAIVER, WAIVERS
from cdconf.yamlfile import YamlMap, check_keys, expect, kind_of, load_if_any, shown

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.inventory.model import Environment, Project

FILE = "waivers.yml"
MOST = 10_000  # waivers of a file
LONGEST = {"host": 500, "type": 100, "title": 4096, "reason": 500, "by": 200}  # characters
_YEARS = range(2000, 3000)


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that's accepted for a while.

    Attributes:
        host: A host, a group or a pattern.
        type: The finding's type.
        title: The finding's title.
        until: The last day on which it holds, by UTC.
        reason: Why.
        unknown: Whether it also covers what can't be told.
        by: Who has added it, if that's written.
        added: The day on which it was added, if that's written.
        file: Where it stands, relative to the project.
        line: Where it stands in the file.
    """

    host: str
    type: str
    title: str
    until: date
    reason: str
    unknown: bool = False
    by: str | None = None
    added: date | None = None
    file: str = ""
    line: int = 0

    @property
    def source(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def names(self) -> tuple[str, str, str]:
        """(host, type, title): there's one waiver of each."""
        return self.host, self.type, self.title

    @property
    def ends(self) -> float:
        """When it's over, in seconds since 1970: at the end of its last day, by UTC."""
        after = self.until + timedelta(days=1)
        return datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp()

    def holds(self, now: float) -> bool:
        """Whether it isn't over at a time, in seconds since 1970."""
        return now < self.ends


def waivers_path(project: Project, environment: str) -> Path:
    """The environment's waivers.yml, whether or not there is one."""
    return project.folder(environment) / FILE


def load_waivers(project: Project, environment: str) -> tuple[Waiver, ...]:
    """The waivers of an environment, in the order of the file; none where there's no file.

    Raises:
        InvalidFile: The file breaks a rule.
    """
    return read_waivers(load_if_any(waivers_path(project, environment), project.root) or YamlMap())


def read_waivers(top: YamlMap) -> tuple[Waiver, ...]:
    """The same, of a file that's parsed; for errors see `load_waivers`."""
    check_keys(top, WAIVERS, FILE)
    entries = [] if top.get("waivers") is None else expect(top, "waivers", list, FILE)
    if len(entries) > MOST:
        raise top.error(f"there are more than {MOST} waivers", "waivers", "repair the differences, or change the roles")
    found: dict[tuple[str, str, str], Waiver] = {}
    for entry in entries:
        if not isinstance(entry, YamlMap):
            hint = "such as {host: web1, type: file, title: /etc/motd, until: 2027-01-31, reason: …}"
            raise top.error(f"a waiver must be a mapping, not {kind_of(entry)}", "waivers", hint)
        waiver = _read(entry)
        if waiver.names in found:
            first = found[waiver.names].line
            raise entry.error(f"{' '.join(waiver.names)} has a waiver already (line {first})", hint="keep one of them")
        found[waiver.names] = waiver
    return tuple(found.values())


def _read(entry: YamlMap) -> Waiver:
    check_keys(entry, WAIVER, "waiver")
    texts: dict[str, Any] = {name: _text(entry, name) for name in ("host", "type", "title", "reason")}
    until, added = _day(entry, "until"), _day(entry, "added") if "added" in entry else None
    by = _text(entry, "by") if "by" in entry else None
    unknown = expect(entry, "unknown", bool, "waiver", default=False)
    return Waiver(**texts, until=until, unknown=unknown, by=by, added=added, file=entry.file, line=entry.line)


def _text(entry: YamlMap, key: str) -> str:
    text: str = expect(entry, key, str, "waiver")
    if not text.strip():
        raise entry.error(f"'{key}' of this waiver is empty", key)
    if len(text) > LONGEST[key]:
        raise entry.error(f"'{key}' of this waiver has more than {LONGEST[key]} characters", key)
    return text


def _day(entry: YamlMap, key: str) -> date:
    text = expect(entry, key, str, "waiver")
    found = day_of(text)
    if found is None:
        raise entry.error(f"'{key}' of this waiver must be a day, not {shown(text)}", key, "such as 2027-01-31")
    return found


def day_of(text: str) -> date | None:
    """The day that a text names, such as `2027-01-31`; None for anything else."""
    try:
        found = date.fromisoformat(text) if re.fullmatch(DAY, text, re.ASCII) else None
    except ValueError:
        return None
    return found if found is not None and found.year in _YEARS else None


def hosts_of(project: Project, environment: Environment, pattern: str) -> frozenset[str]:
    """The names of the hosts that a waiver's `host` names; none where there are no such hosts (any more)."""
    try:
        return frozenset(host.name for host in select(project, environment, pattern))
    except UsageError:
        return frozenset()
