"""Ansible's INI inventories: sections of hosts, `:children` and `:vars`; values are Python literals where they can be.

The format: https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ini_inventory.html
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import Any

from cdconf.errors import InvalidFile
from cdconf.importing.hostnames import expand
from cdconf.importing.model import Inventory
from cdconf.importing.yamltext import writable

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?\Z")
_KINDS = ("hosts", "children", "vars")


def read_ini(inventory: Inventory, text: str, file: str) -> None:
    """Adds what an INI file says to an inventory.

    Raises:
        InvalidFile: A line breaks a rule, or a section speaks of a group that isn't there.
    """
    reader = _IniReader(inventory, file)
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line and line[0] not in "#;":
            reader.read(line, number)
    reader.finish()


class _IniReader:
    def __init__(self, inventory: Inventory, file: str) -> None:
        self._inventory = inventory
        self._file = file
        self._group, self._kind = "ungrouped", "hosts"
        self._declared = set(inventory.groups)
        self._mentioned: list[tuple[str, int, str]] = []

    def _error(self, message: str, line: int, hint: str | None = None) -> InvalidFile:
        return InvalidFile(message, file=self._file, line=line, hint=hint)

    def read(self, line: str, number: int) -> None:
        section = _SECTION.match(line)
        if section:
            self._begin(section[1], section[2] or "hosts", number)
        elif line.startswith("[") and line.endswith("]"):
            raise self._error(f"{line} isn't a section", number, "a section has no spaces: [web], [web:vars]")
        elif self._kind == "hosts":
            self._hosts(line, number)
        elif self._kind == "vars":
            self._variable(line, number)
        else:
            child = line.partition("#")[0].strip()
            if not child or re.search(r"[\s:\[\]]", child):
                raise self._error(f"'{line}' isn't a group's name", number)
            self._mentioned.append((child, number, f"[{self._group}:children]"))
            self._inventory.group(child)
            self._inventory.group(self._group).children[child] = None

    def _begin(self, group: str, kind: str, number: int) -> None:
        if kind not in _KINDS:
            raise self._error(f"[{group}:{kind}] isn't a kind of section", number, f"there are: {', '.join(_KINDS)}")
        self._group, self._kind = group, kind
        self._inventory.group(group)
        if kind == "vars":
            self._mentioned.append((group, number, f"[{group}:vars]"))
        else:
            self._declared.add(group)

    def _hosts(self, line: str, number: int) -> None:
        try:
            words = shlex.split(line, comments=True)
            names, port = expand(words[0])
        except ValueError as error:
            raise self._error(f"this isn't a host: {error}", number) from error
        values: dict[str, Any] = {} if port is None else {"ansible_port": port}
        for word in words[1:]:
            name, separator, value = word.partition("=")
            if not separator:
                raise self._error(f"'{word}' isn't name=value", number, "quote a value that has spaces")
            values[name] = _literal(value)
        for name in names:
            host = self._inventory.add_host(name, self._group, self._file, number)
            for key, value in values.items():
                self._inventory.set(host, key, value, self._file, number)

    def _variable(self, line: str, number: int) -> None:
        name, separator, value = (part.strip() for part in line.partition("="))
        if not separator or not name:
            raise self._error(f"'{line}' isn't name=value", number)
        self._inventory.set(self._inventory.group(self._group), name, _literal(value), self._file, number)

    def finish(self) -> None:
        for group, number, section in self._mentioned:
            if group not in self._declared:
                raise self._error(f"{section} names the group '{group}', which isn't there", number)


def _literal(text: str) -> Any:
    """A Python literal's value; anything else is text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return _plain(ast.literal_eval(text), text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _plain(value: Any, text: str) -> Any:
    """The same as what YAML can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(member, text) for key, member in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(member, text) for member in (sorted(value, key=repr) if isinstance(value, set) else value)]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return writable(value)
    return value if isinstance(value, (str, bool, int, type(None))) else text
