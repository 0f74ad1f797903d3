"""Which names and files the texts of a project refer to, read from their syntax trees and without rendering them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import meta

from cdconf.catalog.limits import LimitedEnvironment
from cdconf.catalog.sources import FILE_LIMIT
from cdconf.inside import leads_outside
from cdconf.own_files import read_bytes

if TYPE_CHECKING:
    from cdconf.roles import Declared, Role

_WORD = re.compile(r"[A-Za-z_]\w*")
_HOLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass
class References:
    """What some texts refer to.

    Attributes:
        names: Variables, facts and the like that expressions read.
        texts: The texts themselves; a file counts as used when one of them is its name.
        patterns: What texts with expressions could become, `*` standing for each expression.
    """

    names: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)

    def add(self, value: Any, *, names_a_file: bool = False) -> None:
        """Takes in a value of a project file, with all that's in it.

        Args:
            value: The value.
            names_a_file: Whether it's there to name a file; a lone expression elsewhere could be anything.
        """
        for text in strings(value):
            self.texts.add(text.rstrip("/"))
            if "{" in text:
                self._parse(text)
                if names_a_file or _WORD.search(_HOLE.sub("", text)):
                    self.patterns.add(_HOLE.sub("*", text))

    def include(self, other: References) -> None:
        """Takes in the files that another one refers to."""
        self.texts |= other.texts
        self.patterns |= other.patterns

    def add_expression(self, value: Any) -> None:
        """Takes in a `when`, which may go without braces."""
        text = str(value)
        self._parse(text if "{{" in text else "{{ (" + text + ") }}")

    def add_template(self, path: Path) -> None:
        """Takes in a template file; the compiler says what's wrong with one that can't be read."""
        with suppress(OSError):
            self._parse(read_bytes(path, FILE_LIMIT).decode("utf-8", "replace"))

    def _parse(self, text: str) -> None:
        try:
            environment = LimitedEnvironment()
            tree = environment.parse(text)
            self.names |= environment.names_in(tree)
            self.texts |= {name for name in meta.find_referenced_templates(tree) if name}
            if None in meta.find_referenced_templates(tree):
                self.patterns.add("*")
        except (jinja2.TemplateError, RecursionError, ValueError):
            self.names |= set(_WORD.findall(text))  # an error of its own; it shouldn't raise warnings too

    def file(self, name: str) -> bool:
        """Whether a file, or a directory that it's in, is named by some text."""
        parents = ["/".join(name.split("/")[:count]) for count in range(1, name.count("/") + 2)]
        return any(
            parent in self.texts or any(fnmatchcase(parent, each) for each in self.patterns) for parent in parents
        )


def strings(value: Any) -> Iterator[str]:
    """All texts in a value of a project file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from strings(member)


def of_role(role: Role) -> References:
    """What a role's own files refer to: resources, handlers, defaults and templates."""
    found = References()
    for declared in (*role.resources, *role.handlers.values()):
        _add_declared(found, declared)
    for variable in role.variables.values():
        found.add(variable.default)
    for path in files_in(role.folder / "templates", role.folder.parent.parent):
        found.add_template(path)
    return found


def _add_declared(found: References, declared: Declared) -> None:
    found.add(declared.title)
    if declared.type == "assert":  # an expression without braces, like `when`
        found.add_expression(declared.title)
    for name, value in declared.fields.items():
        found.add(value, names_a_file=name in ("template", "source"))
    found.add(declared.for_each)
    if declared.when is not None:
        found.add_expression(declared.when)


def files_in(folder: Path, root: Path) -> list[Path]:
    """All files of the project below a folder, sorted; none when there's no such folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and leads_outside(path, root) is None)


def all_names(found: Iterable[References]) -> set[str]:
    """The names that any of them reads."""
    return {name for one in found for name in one.names}
