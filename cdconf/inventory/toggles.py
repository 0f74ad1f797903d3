"""Feature toggles: declared by their apps in cdconf.yml, switched in inventories/ENV/toggles.yml.

A copy of an environment doesn't take over its values: what's on is decided for each environment.
"""

from __future__ import annotations

import datetime as dt
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.errors import did_you_mean
from cdconf.inventory import app_keys, keys
from cdconf.inventory.model import Toggle
from cdconf.inventory.section import Section
from cdconf.inventory.values import on_or_off
from cdconf.yamlfile import YamlMap, check_keys, expect, load_if_any

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.inventory.model import App, Project

FILE = "toggles.yml"
_NAME = re.compile(keys.TOGGLE_NAME.rstrip("$") + r"\Z")


@dataclass(frozen=True)
class ToggleValue:
    """A toggle's value in an environment, and where it's from: toggles.yml, or cdconf.yml for a default."""

    on: bool
    file: str
    line: int
    is_default: bool

    @property
    def source(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


def word(on: bool | None) -> str:
    """`on` or `off`; `-` for no value."""
    return "-" if on is None else "on" if on else "off"


def declared_toggles(app: Section) -> dict[str, Toggle]:
    """`toggles:` of an app.

    Raises:
        InvalidFile: A toggle has no proper name, value or day, or no doc.
    """
    return {name: _toggle(app["toggles"], name, app.what) for name in app["toggles"]}


def _toggle(section: YamlMap, name: str, what: str) -> Toggle:
    if not _NAME.match(name):
        hint = "use letters, digits, _ . and -, beginning with a letter"
        raise section.error(f"'{name}' can't be a toggle's name", name, hint)
    what = f"toggle '{name}' of {what}"
    entry = Section(expect(section, name, dict, "toggles"), app_keys.TOGGLE, what)
    expires = entry["expires"]
    if expires is not None and not _is_day(expires):
        raise entry.refused("expires")
    file, line = section.where(name)
    return Toggle(name=name, expires=expires, **entry.only("default", "doc", "owner"), file=file, line=line)


def _is_day(text: str) -> bool:
    try:
        return len(text) == len("2027-03-31") and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def toggles_file(app: Section, path: str) -> str:
    """Where the app reads its toggles.

    Args:
        app: The app's section.
        path: Its directory on the hosts.

    Raises:
        InvalidFile: It isn't an absolute path, or lies in a release, which never changes.
    """
    file: str = app.get("toggles_file", f"{path}/shared/toggles.json")
    if ".." in file.split("/") or not file.isprintable():
        raise app.refused("toggles_file")
    file = posixpath.normpath(file)
    if f"{file}/".startswith((f"{path}/releases/", f"{path}/current/")):
        hint = f"such as {path}/shared/toggles.json, or a file in /etc"
        raise app.error(f"'toggles_file' in {app.what} lies in a release, which never changes", "toggles_file", hint)
    return file


def toggles_path(project: Project, environment: str) -> Path:
    """The environment's toggles.yml, whether or not there is one."""
    return project.folder(environment) / FILE


def load_toggles(project: Project, environment: str) -> dict[str, dict[str, ToggleValue]]:
    """App -> toggle -> value, of all that are declared.

    Raises:
        InvalidFile: toggles.yml names what isn't declared, or holds something else than on and off.
    """
    path = toggles_path(project, environment)
    top = load_if_any(path, project.root) or YamlMap()
    check_keys(top, project.apps, FILE)
    return {name: _values(app, top) for name, app in project.apps.items()}


def _values(app: App, top: YamlMap) -> dict[str, ToggleValue]:
    what = f"the toggles of app '{app.name}'"
    given = top.get(app.name)
    section = YamlMap(file=top.file) if given is None else expect(top, app.name, dict, FILE)
    for name in section:
        if name not in app.toggles:
            hint = did_you_mean(name, app.toggles) or f"declare it in cdconf.yml: apps.{app.name}.toggles"
            raise section.error(f"app '{app.name}' has no toggle '{name}'", name, hint)
    return {name: _value(toggle, section, what) for name, toggle in app.toggles.items()}


def _value(toggle: Toggle, section: YamlMap, what: str) -> ToggleValue:
    if toggle.name not in section:
        return ToggleValue(toggle.default, toggle.file, toggle.line, is_default=True)
    return ToggleValue(on_or_off(section, toggle.name, what), *section.where(toggle.name), is_default=False)
