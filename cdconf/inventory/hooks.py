"""Reads an app's hooks: commands of its own at certain moments of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cdconf.inventory.service_keys import HOOK, HOOKS
from cdconf.inventory.values import duration
from cdconf.yamlfile import YamlMap, check_keys, expect

WITHIN = 600.0


@dataclass(frozen=True)
class Hook:
    """A command line that hosts run in a release. `once`: the first host alone; `within` is in seconds."""

    run: str
    once: bool = False
    within: float = WITHIN


@dataclass(frozen=True)
class Hooks:
    """An app's hooks: `before_build` is the controller's, `on_hosts` are the hosts', by name."""

    before_build: str | None = None
    on_hosts: Mapping[str, Hook] = field(default_factory=lambda: MappingProxyType({}))

    def document(self, *, first: bool) -> dict[str, Any]:
        """What an agent must know of them.

        Args:
            first: Whether the host is the one that runs what is run once.
        """
        chosen = {name: hook for name, hook in self.on_hosts.items() if first or not hook.once}
        return {name: {"run": hook.run, "within": hook.within} for name, hook in chosen.items()}


def read_hooks(app: YamlMap, what: str) -> Hooks:
    """`hooks:` of an app: a command line each, or a mapping.

    Raises:
        InvalidFile: It breaks a rule.
    """
    section = expect(app, "hooks", dict, what, YamlMap(file=app.file))
    check_keys(section, HOOKS, f"hooks of {what}")
    found = {name: _hook(section, name, what) for name in section if name != "before_build"}
    return Hooks(_line(section, "before_build", what) if "before_build" in section else None, MappingProxyType(found))


def _hook(section: YamlMap, name: str, what: str) -> Hook:
    if not isinstance(section[name], YamlMap):
        return Hook(_line(section, name, what))
    about, here = section[name], f"hook '{name}' of {what}"
    check_keys(about, HOOK, here)
    on: str = expect(about, "on", str, here, "each")
    if on not in ("each", "once"):
        raise about.error(f"'on' in {here} must be each or once, not '{on}'", "on")
    within = duration(about, "within", here, WITHIN)
    if not within:
        raise about.error(f"'within' in {here} leaves its command no time", "within")
    return Hook(_line(about, "run", here), on == "once", within)


def _line(section: YamlMap, key: str, what: str) -> str:
    line: str = expect(section, key, str, what)
    if not line.strip():
        raise section.error(f"'{key}' in {what} is empty", key)
    return line
