"""Reads an app's maintenance page: which group shows it, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdconf.errors import did_you_mean
from cdconf.inventory.service_keys import MAINTENANCE
from cdconf.inventory.values import duration
from cdconf.yamlfile import YamlMap, check_keys, expect


@dataclass(frozen=True)
class Maintenance:
    """How the hosts of a group show an app's page: command lines; `wait`, `within` and `expires` are in seconds."""

    group: str
    on: str
    off: str
    wait: float
    within: float
    expires: float


def read_maintenance(app: YamlMap, what: str, groups: Mapping[str, tuple[str, ...]]) -> Maintenance | None:
    """`maintenance:` of an app; None when it has none.

    Raises:
        InvalidFile: It breaks a rule.
    """
    if "maintenance" not in app:
        return None
    section = expect(app, "maintenance", dict, what)
    what = f"maintenance of {what}"
    check_keys(section, MAINTENANCE, what)
    group: str = expect(section, "group", str, what)
    if group not in groups:
        raise section.error(f"{what} names an unknown group '{group}'", "group", did_you_mean(group, groups))
    lines = {key: expect(section, key, str, what) for key in ("on", "off")}
    times = {
        key: duration(section, key, what, default)
        for key, default in (("wait", 0.0), ("within", 30.0), ("expires", 3600.0))
    }
    for key, line in lines.items():
        if not line.strip():
            raise section.error(f"'{key}' in {what} is empty", key)
    for key in ("within", "expires"):
        if not times[key]:
            raise section.error(f"'{key}' in {what} leaves it no time", key)
    return Maintenance(group, lines["on"], lines["off"], times["wait"], times["within"], times["expires"])
