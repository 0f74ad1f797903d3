"""Values that several keys of project files have: durations, lists of names."""

from __future__ import annotations

import re

from cdconf.yamlfile import YamlMap, kind_of

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)\Z")
LONGEST = 1000 * 365 * 86400.0  # what is more, no clock can add
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(mapping: YamlMap, key: str, what: str, default: float) -> float:
    """Seconds from `30s`, `5m`, `2h`, `1d` or a number."""
    value = mapping.get(key, default)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST:
        return float(value)
    seconds = seconds_of(value) if isinstance(value, str) else None
    if seconds is None or seconds > LONGEST:
        raise mapping.error(f"'{key}' in {what} must be a duration", key, "such as 30s, 5m or 2h")
    return seconds


def seconds_of(text: str) -> float | None:
    """Seconds from `30s`, `5m`, `2h` or `1d`; None for anything else."""
    match = _DURATION.match(text)
    return float(match[1]) * _SECONDS[match[2]] if match else None


def names(mapping: YamlMap, key: str, what: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """A list of texts; a single text stands for a list of one."""
    if key not in mapping and default is not None:
        return default
    value = mapping.get(key)
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
        raise mapping.error(f"'{key}' in {what} must be a list of names, not {kind_of(value)}", key)
    return tuple(members)
