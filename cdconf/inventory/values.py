"""Values that several keys of project files have: durations, sizes, lists of names, on and off."""

from __future__ import annotations

import re

from cdconf.yamlfile import YamlMap, kind_of

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)\Z")
LONGEST = 1000 * 365 * 86400.0  # what is more, no clock can add
_SIZE = re.compile(r"([1-9][0-9]{0,14})(kB|MB|GB|KiB|MiB|GiB)\Z")
_LISTED = re.compile(r"[\w.@/-]+(\s*,\s*[\w.@/-]+)+")  # `a, b`, which isn't one name
_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SWITCH = {"on": True, "off": False, "true": True, "false": False}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(mapping: YamlMap, key: str, what: str, default: float | str) -> float:
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
    if isinstance(value, str) and key != "days":  # a window's `mon, wed` is split
        check_one(mapping, key, what, value)
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise mapping.error(f"'{key}' in {what} must be a list of names, not {kind_of(value)}", key)
    return tuple(members)


def check_one(mapping: YamlMap, key: str, what: str, text: str) -> None:
    """Raises `InvalidFile` for a text such as `a, b` where a list is wanted, or a single name."""
    if _LISTED.fullmatch(text):
        listed = ", ".join(one.strip() for one in text.split(","))
        raise mapping.error(f"'{key}' in {what} must be a list, not the text '{text}'", key, f"write [{listed}]")


def size(mapping: YamlMap, key: str, what: str, default: str = "") -> int:
    """Bytes from `500MB` or `4GiB` (IEC 80000-13)."""
    value = mapping.get(key, default)
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        hint = f"such as 500MB or 4GiB; units: {', '.join(_UNITS)}"
        raise mapping.error(f"'{key}' in {what} must be a size", key, hint)
    return int(match[1]) * _UNITS[match[2]]


def switch(value: object) -> bool | None:
    """What `on`, `off`, `true` and `false` mean; None for anything else."""
    return _SWITCH.get(str(value).lower()) if isinstance(value, (str, bool)) else None


def on_or_off(mapping: YamlMap, key: str, what: str, default: str | None = None) -> bool:
    """True for `on`, false for `off`."""
    given = mapping.get(key, default)
    value = switch(given)
    if value is None:
        shown = "nothing" if given is None else f"'{given}'"
        raise mapping.error(f"'{key}' in {what} must be on or off, not {shown}", key)
    return value
