"""Reads an app's services: which there are, in which order they start, and what brings each to a release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cdconf.inventory.service_keys import ACTIVATE, SERVICE
from cdconf.inventory.values import check_one
from cdconf.yamlfile import YamlMap, check_keys, expect, kind_of

_ACTIVATE = re.compile(ACTIVATE.rstrip("$") + r"\Z")
_STARTED = (".socket", ".timer", ".path")  # units without a process of their own


@dataclass(frozen=True)
class Services:
    """An app's services, in the order in which they're started.

    Attributes:
        names: Their names.
        activation: Of those that aren't restarted: `reload`, `signal NAME`, or `none`.
        stops: Those that are stopped before the expand migration.
    """

    names: tuple[str, ...] = ()
    activation: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stops: tuple[str, ...] = ()


def read_services(app: YamlMap, what: str) -> Services:
    """`services:` of an app: names, or mappings of a `service` and how it's activated.

    Raises:
        InvalidFile: It breaks a rule.
    """
    value = app.get("services", ())
    if isinstance(value, str):
        check_one(app, "services", what, value)
    members = [value] if isinstance(value, (str, YamlMap)) else value
    if not isinstance(members, (list, tuple)):
        raise app.error(f"'services' in {what} must be a list of names, not {kind_of(value)}", "services")
    names: list[str] = []
    activation: dict[str, str] = {}
    stops: list[str] = []
    for member in members:
        name, how, stop = _service(app, member, what)
        if name.removesuffix(".service") in {one.removesuffix(".service") for one in names}:
            place = member if isinstance(member, YamlMap) else app
            raise place.error(f"{what} names its service '{name}' twice", None if place is member else "services")
        names.append(name)
        if how != "restart":
            activation[name] = how
        if stop:
            stops.append(name)
    return Services(tuple(names), MappingProxyType(activation), tuple(stops))


def _service(app: YamlMap, member: object, what: str) -> tuple[str, str, bool]:
    """(name, what brings it to a release, whether it's stopped before the migration)."""
    if isinstance(member, str):
        section = YamlMap({"service": member}, file=app.file, line=app.where("services")[1])
    elif isinstance(member, YamlMap):
        section = member
    else:
        raise app.error(f"'services' in {what} must be a list of names, not {kind_of(member)} in it", "services")
    check_keys(section, SERVICE, f"a service of {what}")
    name: str = expect(section, "service", str, f"a service of {what}")
    how: str = expect(section, "activate", str, f"service '{name}' of {what}", "restart")
    if not _ACTIVATE.match(how):
        hint = "restart, reload, none, or a signal such as `signal HUP`"
        raise section.error(f"'{how}' isn't how service '{name}' of {what} can be activated", "activate", hint)
    how = how.replace("signal SIG", "signal ")
    if name.endswith(_STARTED) and how != "none":
        hint = f"give it `activate: none`: {{service: {name}, activate: none}}; it's started where it isn't active"
        raise section.error(f"'{name}' of {what} has no process that a release could be activated in", None, hint)
    stop: bool = expect(section, "stop_before_migration", bool, f"service '{name}' of {what}", False)
    if stop and how != "restart":
        text = f"service '{name}' of {what} can't be stopped before the migration: `activate: {how}` wouldn't start it"
        raise section.error(text, "stop_before_migration", "leave `activate` out, so that it's restarted")
    return name, how, stop
