"""Reads amounts of data."""

from __future__ import annotations

import re

from cdconf.inventory import keys
from cdconf.yamlfile import YamlMap

_SIZE = re.compile(keys.SIZE.rstrip("$") + r"\Z")
_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def size(mapping: YamlMap, key: str, what: str, default: str) -> int:
    """Bytes from `500MB` or `4GiB` (IEC 80000-13)."""
    value = mapping.get(key, default)
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise mapping.error(
            f"'{key}' in {what} must be a size", key, f"such as 500MB or 4GiB; units: {', '.join(_UNITS)}"
        )
    return int(match[1]) * _UNITS[match[2]]
