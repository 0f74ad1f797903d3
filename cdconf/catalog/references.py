"""Which names and files the texts of a project refer to, read from their syntax trees and without rendering them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import meta

if TYPE_CHECKING:
    from cdconf.roles import Declared, Role

_WORD = re.compile(r"[A-Za-z_]\w*")
_HOLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass
class References:
    """What some texts refer to.

    Attributes:
        names: Variables, facts and the like that expressions read.
        texts: The texts themselves; a file counts as used when one of them is its name, or could become it.
    """

    names: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        """Takes in a value of a project file, with all that's in it."""
        for text in _strings(value):
            self.texts.add(text)
            if "{" in text:
                self._parse(text)

    def add_expression(self, value: Any) -> None:
        """Takes in a `when`, which may go without braces."""
        text = str(value)
        self._parse(text if "{{" in text else "{{ (" + text + ") }}")

    def add_template(self, path: Path) -> None:
        """Takes in a template file."""
        self._parse(path.read_text(encoding="utf-8", errors="replace"))

    def _parse(self, text: str) -> None:
        try:
            tree = jinja2.Environment().parse(text)  # noqa: S701  nothing is rendered
            self.names |= meta.find_undeclared_variables(tree)
            self.texts |= {name for name in meta.find_referenced_templates(tree) if name}
            if None in meta.find_referenced_templates(tree):
                self.texts.add("{{ any }}")
        except jinja2.TemplateError:
            self.names |= set(_WORD.findall(text))  # an error of its own; it shouldn't raise warnings too

    def file(self, name: str) -> bool:
        """Whether a file, or a directory that it's in, is named by some text."""
        parents = ["/".join(name.split("/")[:count]) for count in range(1, name.count("/") + 2)]
        return any(_could_be(text, one) for text in self.texts for one in parents)


def _could_be(text: str, name: str) -> bool:
    if text.rstrip("/") == name:
        return True
    return "{" in text and len(text) < 200 and fnmatchcase(name, _HOLE.sub("*", text))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from _strings(member)


def of_role(role: Role) -> References:
    """What a role's own files refer to: resources, handlers, defaults and templates."""
    found = References()
    for declared in (*role.resources, *role.handlers.values()):
        _add_declared(found, declared)
    for variable in role.variables.values():
        found.add(variable.default)
    for path in files_in(role.folder / "templates"):
        found.add_template(path)
    return found


def _add_declared(found: References, declared: Declared) -> None:
    found.add(declared.title)
    found.add(dict(declared.fields))
    found.add(declared.for_each)
    if declared.when is not None:
        found.add_expression(declared.when)


def files_in(folder: Path) -> list[Path]:
    """All files below a folder, sorted; none when there's no such folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def all_names(found: Iterable[References]) -> set[str]:
    """The names that any of them reads."""
    return {name for one in found for name in one.names}
