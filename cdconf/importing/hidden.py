"""Encrypted values become secrets of the environment; what refers to them stays where it was.

Ansible encrypts values anywhere; cdconf has one secrets.yml per environment, with texts by name. A variable that is
one encrypted text wherever it's set becomes the secret of that name. Any other encrypted value becomes a secret of
its own (`db_password_web`), and the variable says `{{ db_password_web }}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cdconf.importing.model import Definition
from cdconf.importing.vault import Hidden
from cdconf.yamlfile import YamlList, YamlMap

_FILTERS: dict[type, str] = {bool: " | bool", int: " | int", float: " | float"}


@dataclass
class Secrets:
    """The secrets that an import found.

    Attributes:
        values: Name -> its text; None when it couldn't be decrypted.
        whole: Variables that are secrets as a whole, so that no file of variables has them.
    """

    values: dict[str, str | None] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    _kept: dict[str, list[tuple[Hidden, str]]] = field(default_factory=dict)
    _converted: dict[int, tuple[Definition, Definition]] = field(default_factory=dict)

    def take_whole(self, definitions: Iterable[Definition], names: Mapping[str, str]) -> None:
        """Finds the variables that are one encrypted text wherever they're set; `names` are those of cdconf."""
        by_name: dict[str, list[Any]] = {}
        for definition in definitions:
            by_name.setdefault(definition.name, []).append(definition.value)
        for name, values in by_name.items():
            first = values[0]
            if not isinstance(first, Hidden) or not all(value == first for value in values):
                continue
            if isinstance(first.plain, (str, type(None))) and first.plain != "":
                self.whole.add(name)
                self.values[names[name]] = first.plain

    def without(self, definition: Definition, place: str, reserved: Collection[str]) -> Definition:
        """The definition with references in place of encrypted values; the same one each time.

        Args:
            definition: A definition.
            place: The group or host whose it is; names of secrets are made from it.
            reserved: Names of variables, which no secret made here may have.
        """
        if id(definition) not in self._converted:
            self._converted[id(definition)] = (
                definition,
                replace(definition, value=self._refer(definition.value, definition.name, place, reserved)),
            )
        return self._converted[id(definition)][1]

    def _refer(self, value: Any, path: str, place: str, reserved: Collection[str]) -> Any:
        if isinstance(value, Hidden):
            return "{{ " + self._name(value, path, place, reserved) + _FILTERS.get(type(value.plain), "") + " }}"
        if isinstance(value, YamlMap):
            members = {key: self._refer(member, f"{path}_{key}", place, reserved) for key, member in value.items()}
            result = YamlMap(members, file=value.file, line=value.line)
            result.lines = value.lines
            return result
        if isinstance(value, list):
            return YamlList(self._refer(member, f"{path}_{i}", place, reserved) for i, member in enumerate(value, 1))
        return value

    def _name(self, value: Hidden, path: str, place: str, reserved: Collection[str]) -> str:
        """A secret's name; the same value of the same variable has one name wherever it is."""
        for known, name in self._kept.get(path, ()):
            if known == value:
                return name
        return self._keep(value, path, re.sub(r"\W", "_", f"{path}_{place}"), reserved)

    def named(self, value: Hidden, base: str, reserved: Collection[str]) -> str:
        """The name of a secret that no variable has: `base`, or with a number where another value has that."""
        for known, name in self._kept.get(base, ()):
            if known == value:
                return name
        return self._keep(value, base, base, reserved)

    def _keep(self, value: Hidden, path: str, base: str, reserved: Collection[str]) -> str:
        name, number = base, 2
        while name in self.values or name in reserved:
            name, number = f"{base}_{number}", number + 1
        self.values[name] = None if value.plain is None else str(value.plain)
        self._kept.setdefault(path, []).append((value, name))
        return name
