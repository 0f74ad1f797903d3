"""Finds expressions in variables that Ansible understands and cdconf doesn't."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2 import nodes

from cdconf.catalog.ansible_names import NAMES
from cdconf.catalog.limits import LimitedEnvironment
from cdconf.importing.model import Definition
from cdconf.importing.report import ImportFinding

_MARKS = ("{{", "{%")
_CALLS = ("lookup", "query", "q")


@dataclass(frozen=True)
class Known:
    """The filters and tests that cdconf's templates have."""

    filters: Collection[str]
    tests: Collection[str]


def find_foreign(definition: Definition, known: Known, renamed: Mapping[str, str]) -> list[ImportFinding]:
    """What a variable's value says that only Ansible understands.

    Args:
        definition: The variable.
        known: What cdconf's templates have.
        renamed: Variables whose name in cdconf is another.
    """
    found: dict[tuple[str, int], None] = {}
    for text, line in _texts(definition.value, definition.line):
        if any(mark in text for mark in _MARKS):
            for message in _foreign(text, known, renamed):
                found[f"'{definition.name}': {message}", line] = None
    return [ImportFinding(message, definition.file, line) for message, line in found]


def _texts(value: Any, line: int) -> Iterator[tuple[str, int]]:
    if isinstance(value, str):
        yield value, line
    elif isinstance(value, dict):
        lines = getattr(value, "lines", {})
        for key, member in value.items():
            yield from _texts(member, lines.get(key, line))
    elif isinstance(value, list):
        lines = getattr(value, "lines", None) or [line] * len(value)
        for member, at in zip(value, lines, strict=True):
            yield from _texts(member, at)


def _foreign(text: str, known: Known, renamed: Mapping[str, str]) -> Iterator[str]:
    environment = LimitedEnvironment()  # it parses, and renders nothing
    try:
        tree = environment.parse(text)
    except jinja2.TemplateSyntaxError as error:
        yield f"this isn't Jinja2: {error.message}"
        return
    for used in tree.find_all(nodes.Filter):
        if used.name not in known.filters:
            yield f"there is no filter '{used.name}' in cdconf"
        environment.filters.setdefault(used.name, str)  # the search for names stumbles over unknown ones
    for test in tree.find_all(nodes.Test):
        if test.name not in known.tests:
            yield f"there is no test '{test.name}' in cdconf"
        environment.tests.setdefault(test.name, lambda value: value)
    for name in sorted(environment.names_in(tree)):
        message = _name(name, renamed)
        if message:
            yield message


def _name(name: str, renamed: Mapping[str, str]) -> str | None:
    if name in _CALLS:
        return f"{name}() looks things up on the controller, which cdconf's templates can't"
    if name in renamed:
        return f"the variable '{name}' is called '{renamed[name]}' now"
    if name in NAMES:
        instead = NAMES[name]
        return f"'{name}' is Ansible's; " + (f"cdconf has {instead}" if instead else "cdconf has nothing like it")
    return f"'{name}' is Ansible's; cdconf's facts are in `facts`" if name.startswith("ansible_") else None
