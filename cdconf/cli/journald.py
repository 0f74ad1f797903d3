"""The journal of systemd: which journalctl command to run on a host, and how to read what it prints.

Formats: journalctl(1), `-o json`; systemd.journal-fields(7).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdconf.errors import HostFailed, UsageError
from cdconf.render.words import shown

_FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,UNIT,_PID,PRIORITY"
_AGO = re.compile(r"([0-9]+)\s*(s|m|h|d|w)(\s+ago)?\Z")
_LATEST = 253_370_764_800 * 10**6  # microseconds since 1970, before the year 9999
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), 127), "\N{REPLACEMENT CHARACTER}")  # all but tab and newline


@dataclass(frozen=True)
class JournalEntry:
    """One entry. `time` is in microseconds since 1970; `cursor` is its place in its host's journal."""

    host: str
    time: int
    cursor: str
    unit: str | None
    identifier: str
    pid: int | None
    priority: int | None
    message: str

    def text(self) -> str:
        """`2026-03-01 12:00:00.123 shop[421]: started`; more lines of a message follow indented."""
        when = datetime.fromtimestamp(self.time / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        process = f"{self.identifier}[{self.pid}]" if self.pid is not None else self.identifier
        message = self.message.translate(_CONTROLS).rstrip("\n").replace("\n", "\n    ")
        return shown(f"{when} {process.replace(chr(10), ' ')}: {message}")

    def document(self) -> dict[str, Any]:
        """The entry in the JSON document."""
        when = datetime.fromtimestamp(self.time / 1e6).astimezone().isoformat()
        return {
            "host": self.host,
            "time": when,
            "unit": self.unit,
            "identifier": self.identifier,
            "pid": self.pid,
            "priority": self.priority,
            "message": self.message,
        }


def command(
    units: Sequence[str],
    *,
    count: int | None = None,
    since: str | None = None,
    after: str | None = None,
    follow: bool = False,
) -> str:
    """A journalctl command line.

    Args:
        units: The units.
        count: At most this many entries, the newest; None for all.
        since: A time as systemd.time(7) has it, or how long ago: 30s, 10m, 2h, 1d.
        after: Only what is behind this cursor.
        follow: Go on for ever; without `after`, with new entries only.

    Raises:
        UsageError: `since` is empty or holds a line break.
    """
    words = ["exec", "journalctl", "--quiet", "--all", "--no-pager", "--output=json", f"--output-fields={_FIELDS}"]
    words += [f"--unit={unit}" for unit in units]
    if count is not None:
        words.append(f"--lines={count}")
    if since is not None:
        words.append(f"--since={_time(since)}")
    if follow:
        words += ["--follow", *(["--no-tail", f"--after-cursor={after}"] if after else ["--lines=0"])]
    return shlex.join(words)


def _time(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise UsageError(f"--since '{text}' is no time", hint="such as 10m, 2h, today or '2026-03-01 12:00'")
    ago = _AGO.match(text.strip())
    return f"-{ago[1]}{ago[2]}" if ago else text.strip()


def read(host: str, result: Mapping[str, Any]) -> list[JournalEntry]:
    """The entries that journalctl printed; `result` is that of `Session.run`.

    Raises:
        HostFailed: It failed.
    """
    if result["status"] != 0:
        said = result["stderr"].decode("utf-8", "replace").strip() or f"exit status {result['status']}"
        raise HostFailed(f"journalctl: {said.splitlines()[-1]}", host=host)
    lines = result["stdout"].decode("utf-8", "replace").split("\n")
    return [entry for entry in (parse(host, line) for line in lines) if entry is not None]


def parse(host: str, line: str) -> JournalEntry | None:
    """One entry; None for a line that isn't one (the output's beginning may have been cut off)."""
    try:
        return _entry(host, json.loads(line))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _entry(host: str, fields: dict[str, Any]) -> JournalEntry | None:
    time = int(fields["__REALTIME_TIMESTAMP"])
    if not 0 <= time <= _LATEST:
        return None
    unit = _text(fields.get("_SYSTEMD_UNIT"))
    if unit in ("", "init.scope"):
        unit = _text(fields.get("UNIT")) or unit  # systemd speaks about a unit
    return JournalEntry(
        host=host,
        time=time,
        cursor=_text(fields.get("__CURSOR")),
        unit=unit or None,
        identifier=_text(fields.get("SYSLOG_IDENTIFIER")) or "?",
        pid=_number(fields.get("_PID")),
        priority=_number(fields.get("PRIORITY")),
        message=_text(fields.get("MESSAGE")),
    )


def _text(value: Any) -> str:
    """A field's text: a list of numbers is bytes, a list of anything else several values, null too long a value."""
    if isinstance(value, list) and value and all(isinstance(one, int) for one in value):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    return "" if value is None else str(value)


def _number(value: Any) -> int | None:
    text = _text(value)
    return int(text) if text.isdigit() else None
