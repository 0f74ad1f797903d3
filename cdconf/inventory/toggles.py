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
from cdconf.inventory import keys
from cdconf.inventory.model import Toggle
from cdconf.yamlfile import YamlMap, check_keys, expect, load_if_any

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.inventory.model import App, Project

FILE = "toggles.yml"
WORDS = {"on": True, "off": False, "true": True, "false": False}
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


def switch(value: object) -> bool | None:
    """What `on`, `off`, `true` and `false` mean; None for anything else."""
    return WORDS.get(str(value).lower()) if isinstance(value, (str, bool)) else None


def declared_toggles(app: YamlMap, what: str) -> dict[str, Toggle]:
    """`toggles:` of an app.

    Raises:
        InvalidFile: A toggle has no proper name, value or day, or no doc.
    """
    section = expect(app, "toggles", dict, what, YamlMap(file=app.file))
    return {name: _toggle(section, name, what) for name in section}


def _toggle(section: YamlMap, name: str, what: str) -> Toggle:
    if not _NAME.match(name):
        hint = "use letters, digits, _ . and -, beginning with a letter"
        raise section.error(f"'{name}' can't be a toggle's name", name, hint)
    what = f"toggle '{name}' of {what}"
    entry = expect(section, name, dict, "toggles")
    check_keys(entry, keys.TOGGLE, what)
    expires = expect(entry, "expires", str, what, None)
    if expires is not None and not _is_day(expires):
        raise entry.error(f"'expires' in {what} must be a day, such as 2027-03-31", "expires")
    file, line = section.where(name)
    return Toggle(
        name=name,
        default=_switch(entry, "default", what) if "default" in entry else False,
        doc=expect(entry, "doc", str, what),
        owner=expect(entry, "owner", str, what, None),
        expires=expires,
        file=file,
        line=line,
    )


def _switch(section: YamlMap, key: str, what: str) -> bool:
    value = switch(section[key])
    if value is None:
        shown = "nothing" if section[key] is None else f"'{section[key]}'"
        raise section.error(f"'{key}' in {what} must be on or off, not {shown}", key)
    return value


def _is_day(text: str) -> bool:
    try:
        return len(text) == len("2027-03-31") and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def toggles_file(app: YamlMap, what: str, path: str) -> str:
    """Where the app reads its toggles.

    Args:
        app: The app's section.
        what: Names it.
        path: Its directory on the hosts.

    Raises:
        InvalidFile: It isn't an absolute path, or lies in a release, which never changes.
    """
    file: str = expect(app, "toggles_file", str, what, f"{path}/shared/toggles.json")
    if not file.startswith("/") or ".." in file.split("/") or file.endswith("/") or not file.isprintable():
        raise app.error(f"'toggles_file' in {what} must be an absolute path of a file", "toggles_file")
    file = posixpath.normpath(file)
    if f"{file}/".startswith((f"{path}/releases/", f"{path}/current/")):
        hint = f"such as {path}/shared/toggles.json, or a file in /etc"
        raise app.error(f"'toggles_file' in {what} lies in a release, which never changes", "toggles_file", hint)
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
    return ToggleValue(_switch(section, toggle.name, what), *section.where(toggle.name), is_default=False)
