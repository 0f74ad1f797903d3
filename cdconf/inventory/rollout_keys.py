"""Reads how an app is rolled out: batches, health, draining."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cdconf.errors import did_you_mean
from cdconf.inventory import app_keys
from cdconf.inventory.model import Drain, Health
from cdconf.inventory.section import Section, fits


def batches(app: Section) -> tuple[str, ...]:
    """The sizes of batches; see `cdconf.deploy.rollout.split`."""
    value = app.mapping.get("batches", app_keys.APP["batches"].default)
    found = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    for one in found:
        if not fits(app_keys.BATCH_SIZE, one):
            raise app.error(f"'{one}' in batches of {app.what} isn't a batch", "batches", "such as 1, 25% or all")
    return tuple(found)


def max_unavailable(app: Section) -> str | None:
    """A count or a percentage; None when there's no limit."""
    if app.mapping.get("max_unavailable") in (0, "0", "0%"):
        text = f"'max_unavailable' in {app.what} must be a count or a percentage"
        raise app.error(text, "max_unavailable", "with 0 nothing could ever be deployed")
    return str(app["max_unavailable"]) if "max_unavailable" in app else None


def health(app: Section) -> Health | None:
    """The app's health check; None when it has none."""
    if "health" not in app:
        return None
    section = app.section("health")
    texts = section.only("http", "contains", "tcp", "command")
    for key in ("status", "contains"):
        if key in section and texts["http"] is None:
            raise section.error(f"'{key}' in {section.what} is about an answer, but there's no 'http'", key)
    if texts["contains"] == "":
        raise section.error(f"'contains' in {section.what} is empty, which any answer contains", "contains")
    return Health(status=_statuses(section), systemd=_units(section), within=section["within"], **texts)


def _statuses(section: Section) -> tuple[int, ...]:
    value: Any = section.mapping.get("status", [])
    members = value if isinstance(value, list) else [value]
    for member in members:
        if isinstance(member, bool) or not isinstance(member, int) or not 100 <= member <= 599:
            text = f"'status' in {section.what} must be an HTTP status such as 200, or a list of them"
            raise section.error(text, "status")
    if "status" in section and not members:
        raise section.error(f"'status' in {section.what} is empty, so no answer would do", "status")
    return tuple(members)


def _units(section: Section) -> tuple[str, ...]:
    units: tuple[str, ...] = section["systemd"]
    if "systemd" in section and (not units or not all(re.match(r"[\w@:.\\-]+\Z", unit) for unit in units)):
        text = f"'systemd' in {section.what} must be units' names"
        raise section.error(text, "systemd", "such as nginx or shop@1.service")
    return units


def drain(app: Section, groups: Mapping[str, tuple[str, ...]]) -> Drain | None:
    """How the app's hosts are taken out of use; None when they aren't."""
    if "drain" not in app:
        return None
    section = app.section("drain")
    group = section["group"]
    if group not in groups:
        text = f"{section.what} names an unknown group '{group}'"
        raise section.error(text, "group", did_you_mean(group, groups))
    for key, line in section.only("command", "undrain").items():
        if not line.strip():
            raise section.error(f"'{key}' in {section.what} is empty", key)
    if not section["within"]:
        raise section.error(f"'within' in {section.what} leaves its commands no time", "within")
    return Drain(**section.only("group", "command", "undrain", "wait", "within"))


__all__ = ["batches", "drain", "health", "max_unavailable"]
