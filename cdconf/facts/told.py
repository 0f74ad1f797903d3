"""Facts as a host tells them, checked against the table: what isn't in it is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from cdconf.agent.records.shapes import Misfit, kind_of
from cdconf.facts.patterns import PATHS, checked_paths, patterns_of
from cdconf.facts.table import GROUPS, TYPES, Fact

_WORDS = MappingProxyType(
    {"string": "a text", "integer": "a whole number", "boolean": "true or false", "list": "a list", "map": "an object"}
)
_ANY = "<>"  # stands for a key that differs from host to host


class _Place:
    """A fact with those below it; one without a fact is only there for these."""

    def __init__(self) -> None:
        self.fact: Fact | None = None
        self.members: dict[str, _Place] = {}


@cache
def _top() -> _Place:
    top = _Place()
    for fact in (fact for group in GROUPS for fact in group.facts):
        place = top
        for key in fact.keys:
            place = place.members.setdefault(_ANY if key.startswith("<") else key, _Place())
        place.fact = fact
    return top


def checked(facts: Mapping[str, Any], groups: Sequence[str]) -> dict[str, Any]:
    """The facts of some groups.

    Args:
        facts: From a host, plain values.
        groups: Those that were asked for.

    Raises:
        Misfit: One lacks, or isn't what the table says.
    """
    names = [name for group in GROUPS if group.name in groups and group.name != PATHS for name in group.names]
    result: dict[str, Any] = {name: _fitted(facts, name, _top().members[name]) for name in names}
    patterns = patterns_of(groups)
    if patterns:
        result[PATHS] = checked_paths(facts, patterns)
    return result


def _fitted(above: Mapping[str, Any], name: str, place: _Place) -> Any:
    try:
        if name not in above:
            if place.fact is not None and place.fact.optional:
                return None
            raise Misfit("", None)
        return _value(above[name], place)
    except Misfit as misfit:
        misfit.place.insert(0, name)
        raise


def _value(value: Any, place: _Place) -> Any:
    members: Any = value
    fact = place.fact
    if value is None and fact is not None and fact.optional:
        return None
    wanted = "map" if fact is None else fact.type
    if not isinstance(value, TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean"):
        raise Misfit(_WORDS[wanted], kind_of(value))
    if wanted != "map" or not place.members:
        return value
    if _ANY in place.members:
        return {key: _fitted(members, key, place.members[_ANY]) for key in members}
    return {key: _fitted(members, key, inner) for key, inner in place.members.items()}
