"""Reads how an app is rolled out: batches, health, draining."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cdconf.errors import did_you_mean
from cdconf.inventory import keys
from cdconf.inventory.model import Drain, Health
from cdconf.inventory.values import duration, names
from cdconf.yamlfile import YamlMap, check_keys, expect

_BATCH = re.compile(keys.BATCH.rstrip("$") + r"\Z")
_COUNT = re.compile(keys.COUNT.rstrip("$") + r"\Z")


def batches(app: YamlMap, what: str) -> tuple[str, ...]:
    """The sizes of batches; see `cdconf.deploy.rollout.split`."""
    value = app.get("batches", ["1", "100%"])
    found = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    for one in found:
        if not _BATCH.match(one):
            raise app.error(f"'{one}' in batches of {what} isn't a batch", "batches", "such as 1, 25% or all")
    return tuple(found)


def max_unavailable(app: YamlMap, what: str) -> str | None:
    """A count or a percentage; None when there's no limit."""
    if "max_unavailable" not in app:
        return None
    value = app["max_unavailable"]
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not _COUNT.match(str(value)):
        hint = "with 0 nothing could ever be deployed" if value in (0, "0", "0%") else "such as 1 or 25%"
        raise app.error(f"'max_unavailable' in {what} must be a count or a percentage", "max_unavailable", hint)
    return str(value)


def health(app: YamlMap, what: str) -> Health | None:
    """The app's health check; None when it has none."""
    if "health" not in app:
        return None
    section = expect(app, "health", dict, what)
    what = f"health of {what}"
    check_keys(section, keys.HEALTH, what)
    if not any(kind in section for kind in keys.HEALTH_CHECKS):
        raise section.error(f"{what} needs at least one of {', '.join(keys.HEALTH_CHECKS)}")
    texts = {key: expect(section, key, str, what, None) for key in ("http", "contains", "tcp", "command")}
    if texts["http"] is not None and not texts["http"].startswith(("http://", "https://")):
        raise section.error(f"'http' in {what} must be a URL", "http")
    if texts["tcp"] is not None and not re.match(r"[^:]+:[0-9]+\Z", texts["tcp"]):
        raise section.error(f"'tcp' in {what} must be address:port", "tcp")
    for key in ("status", "contains"):
        if key in section and texts["http"] is None:
            raise section.error(f"'{key}' in {what} is about an answer, but there's no 'http'", key)
    if texts["contains"] == "":
        raise section.error(f"'contains' in {what} is empty, which any answer contains", "contains")
    return Health(
        status=_statuses(section, what),
        systemd=_units(section, what),
        within=duration(section, "within", what, 30.0),
        **texts,
    )


def _statuses(section: YamlMap, what: str) -> tuple[int, ...]:
    value: Any = section.get("status", [])
    members = value if isinstance(value, list) else [value]
    for one in members:
        if isinstance(one, bool) or not isinstance(one, int) or not 100 <= one <= 599:
            raise section.error(f"'status' in {what} must be an HTTP status such as 200, or a list of them", "status")
    if "status" in section and not members:
        raise section.error(f"'status' in {what} is empty, so no answer would do", "status")
    return tuple(members)


def _units(section: YamlMap, what: str) -> tuple[str, ...]:
    units = names(section, "systemd", what, ())
    if "systemd" in section and (not units or not all(re.match(r"[\w@:.\\-]+\Z", one) for one in units)):
        raise section.error(f"'systemd' in {what} must be units' names", "systemd", "such as nginx or shop@1.service")
    return units


def drain(app: YamlMap, what: str, groups: Mapping[str, tuple[str, ...]]) -> Drain | None:
    """How the app's hosts are taken out of use; None when they aren't."""
    if "drain" not in app:
        return None
    section = expect(app, "drain", dict, what)
    what = f"drain of {what}"
    check_keys(section, keys.DRAIN, what)
    group = expect(section, "group", str, what)
    if group not in groups:
        raise section.error(f"{what} names an unknown group '{group}'", "group", did_you_mean(group, groups))
    lines = {key: expect(section, key, str, what) for key in ("command", "undrain")}
    for key, line in lines.items():
        if not line.strip():
            raise section.error(f"'{key}' in {what} is empty", key)
    within = duration(section, "within", what, 30.0)
    if not within:
        raise section.error(f"'within' in {what} leaves its commands no time", "within")
    return Drain(group=group, wait=duration(section, "wait", what, 0.0), within=within, **lines)


__all__ = ["batches", "drain", "health", "max_unavailable"]
