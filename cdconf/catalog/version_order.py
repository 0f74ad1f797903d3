"""Which of two versions is the later one, for the test `version`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

_Key = tuple[Any, ...]
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        name: function
        for names, function in (
            ("== = eq", operator.eq),
            ("!= <> ne", operator.ne),
            ("< lt", operator.lt),
            ("<= le", operator.le),
            ("> gt", operator.gt),
            (">= ge", operator.ge),
        )
        for name in names.split()
    }
)
_PART = re.compile(r"[0-9]+|[A-Za-z]+|~")
_SEMVER = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_TILDE, _END, _WORD, _NUMBER = range(4)  # in their order


def is_version(value: object, other: object, relation: str = "eq", *, version_type: str = "loose") -> bool:
    """Whether `value relation other` holds, such as `'1.10' >= '1.9'`.

    Args:
        value: A version.
        other: Another one.
        relation: A key of `_OPERATORS`.
        version_type: `loose` compares numbers as numbers and words as words; an epoch (`1:`) counts first, and `~`
            comes before the end, as in packages' versions. `semver` is that of semver.org.

    Raises:
        ValueError: Something isn't known, or is no version.
    """
    if relation not in _OPERATORS:
        raise ValueError(f"'version' knows no relation '{relation}': {', '.join(_OPERATORS)}")
    kinds = {"loose": _loose, "semver": _semver}
    if version_type not in kinds:
        raise ValueError(f"'version' knows no version_type '{version_type}': {', '.join(kinds)}")
    key = kinds[version_type]
    return _OPERATORS[relation](key(str(value)), key(str(other)))


def _loose(version: str) -> _Key:
    if not version:
        raise ValueError("'version' compares versions, and this one is empty")
    epoch, colon, rest = version.partition(":")
    counts = bool(colon) and epoch.isascii() and epoch.isdigit()
    parts = [_part(part) for part in _PART.findall(rest if counts else version)]
    return (int(epoch) if counts else 0, (*parts, (_END,)))


def _part(text: str) -> _Key:
    if text == "~":
        return (_TILDE,)
    return (_NUMBER, int(text)) if text[0].isdigit() else (_WORD, text)


def _semver(version: str) -> _Key:
    found = _SEMVER.fullmatch(version)
    if found is None:
        raise ValueError(f"'{version}' is no semantic version, such as 1.2.3-rc.1")
    before = found[4].split(".") if found[4] else []
    parts = tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in before)
    return (*(int(found[number]) for number in (1, 2, 3)), not before, parts)
