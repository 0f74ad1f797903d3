"""Finds and reads an Ansible inventory: a file, or a directory of them, with group_vars/ and host_vars/.

The parsers are cdconf's own: those that are kept up come with ansible-core (large, GPL) or know no vaults, no ranges,
or no order of groups. tests/importing compares them with what ansible-inventory itself says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import InvalidFile, UsageError
from cdconf.importing.hostnames import expand
from cdconf.importing.ini import read_ini
from cdconf.importing.model import Definition, ImportedGroup, Inventory, Vars
from cdconf.yamlfile import YamlMap

if TYPE_CHECKING:
    from cdconf.importing.source import ImportSource

_IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry")
_SUFFIXES = ("", ".yml", ".yaml", ".json")
_EXPORTED = "`ansible-inventory --list --yaml` writes what it knows as a file that can be imported"


def read_inventory(path: Path, source: ImportSource, playbooks: Path | None = None) -> Inventory:
    """Reads an inventory with all of its variables.

    Args:
        path: A file or a directory.
        source: Reads files.
        playbooks: Whose group_vars/ and host_vars/ are read too, as Ansible does with those beside a playbook.

    Raises:
        UsageError: There's no such path, or no host in it.
        InvalidFile: A file breaks a rule, or is a program or a plugin's settings.
    """
    if not path.exists():
        raise UsageError(f"there is no inventory {path}")
    inventory = Inventory()
    for file in _files(path):
        _read(inventory, file, source)
    inventory.close()
    if not inventory.hosts:
        raise UsageError(f"there are no hosts in {path}")
    _variable_files(inventory, path if path.is_dir() else path.parent, "files", source)
    if playbooks is not None:
        _variable_files(inventory, playbooks, "playbook", source)
    return inventory


def _files(path: Path) -> list[Path]:
    """The files of a directory in the order in which Ansible reads them; later ones win."""
    if not path.is_dir():
        return [path]
    found = []
    for one in sorted(path.iterdir()):
        if one.name.startswith(".") or one.name in ("group_vars", "host_vars", "vars_plugins"):
            continue
        if not one.name.endswith(_IGNORED):
            found += _files(one)
    return found


def _read(inventory: Inventory, path: Path, source: ImportSource) -> None:
    if os.access(path, os.X_OK) and path.read_bytes()[:2] == b"#!":
        raise InvalidFile("this is a program, which isn't run", file=str(path), hint=_EXPORTED)
    text, _ = source.text(path)
    if path.suffix == ".toml":
        raise InvalidFile("TOML inventories can't be read", file=str(path), hint=_EXPORTED)
    if path.suffix in _SUFFIXES[1:] or (not path.suffix and _looks_like_yaml(text)):
        _read_yaml(inventory, source.parse(text, str(path)), str(path))
    else:
        read_ini(inventory, text, str(path))


def _looks_like_yaml(text: str) -> bool:
    """Whether the first line that says something is one that no INI file can have."""
    lines = (line.split(" #")[0].rstrip() for line in text.splitlines())
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith(("#", ";"))), "")
    return first.startswith(("---", "{")) or (first.endswith(":") and not first.startswith("["))


def _read_yaml(inventory: Inventory, top: Any, file: str) -> None:
    if top is None:
        return
    if not isinstance(top, YamlMap):
        raise InvalidFile("an inventory must be a mapping of groups", file=file, line=1)
    if "plugin" in top and not isinstance(top["plugin"], dict):
        raise top.error(f"this asks the inventory plugin '{top['plugin']}', which isn't run", "plugin", _EXPORTED)
    for name in top:
        _yaml_group(inventory, name, _section(top, name), file)


def _section(mapping: YamlMap, key: str) -> YamlMap:
    value = mapping[key]
    if isinstance(value, str):
        value = YamlMap({value: None}, file=mapping.file, line=mapping.where(key)[1])  # one name without more
    if value is None:
        return YamlMap(file=mapping.file)
    if not isinstance(value, YamlMap):
        raise mapping.error(f"'{key}' must be a mapping", key, "groups have hosts, children and vars, each a mapping")
    return value


def _yaml_group(inventory: Inventory, name: str, data: YamlMap, file: str) -> None:
    group = inventory.group(name)
    for key in data:
        if key not in ("hosts", "children", "vars"):
            raise data.error(f"'{key}' in group '{name}' isn't known", key, "groups have hosts, children and vars")
        section = _section(data, key)
        if key == "vars":
            for variable, value in section.items():
                inventory.set(group, variable, value, *section.where(variable))
        elif key == "children":
            for child in section:
                group.children[child] = None
                _yaml_group(inventory, child, _section(section, child), file)
        else:
            _yaml_hosts(inventory, group, section)


def _yaml_hosts(inventory: Inventory, group: ImportedGroup, section: YamlMap) -> None:
    for pattern in section:
        where = section.where(pattern)
        try:
            names, port = expand(pattern)
        except ValueError as error:
            raise section.error(f"this isn't a host: {error}", pattern) from error
        values = _section(section, pattern)
        for name in names:
            host = inventory.add_host(name, group.name, *where)
            if port is not None:
                inventory.set(host, "ansible_port", port, *where)
            for variable, value in values.items():
                inventory.set(host, variable, value, *values.where(variable))


def _variable_files(inventory: Inventory, folder: Path, origin: str, source: ImportSource) -> None:
    places: list[tuple[str, str, Vars]] = [("group_vars", name, group) for name, group in inventory.groups.items()]
    places += [("host_vars", name, host) for name, host in inventory.hosts.items()]
    for kind, name, place in places:
        for file in _variable_paths(folder / kind, name):
            values = source.mapping(file)
            for variable, value in values.items():
                place.by_origin[origin][variable] = Definition(variable, value, *values.where(variable))


def _variable_paths(folder: Path, name: str) -> list[Path]:
    """The files of one group or host: the first suffix that there is, or all files of a directory, sorted."""
    if "/" in name:
        return []
    for suffix in _SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_dir():
            return _directory(path)
        if path.exists():
            return [path]
    return []


def _directory(path: Path) -> list[Path]:
    found = []
    for one in sorted(path.iterdir()):
        if one.name.startswith(".") or one.name.endswith("~"):
            continue
        if one.is_dir() and not one.suffix:
            found += _directory(one)
        elif one.is_file() and one.suffix in _SUFFIXES:
            found.append(one)
    return found
