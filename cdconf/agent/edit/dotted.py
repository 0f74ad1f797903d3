"""Dotted keys (`log.level`, `plugins."a.b".image`), and values that are compared by their types too."""

import json
import re

from cdconf.agent.errors import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PART = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^."'\s][^."']*?))\s*(\.|\Z)""")


class NotEditable(Failed):
    """The file can't be changed safely at that place, or isn't of its format."""


class Other(object):
    """A value that no wanted value equals, such as a date or an ambiguous spelling; it's shown as it's written."""

    def __init__(self, text: "str") -> "None":
        self.text = text

    def __repr__(self) -> "str":
        return self.text


def parts(key: "str") -> "list[str]":
    """The parts of a dotted key; a part with dots in it is quoted.

    Raises:
        ValueError: It can't be read.
    """
    found, position = [], 0
    while True:
        match = _PART.match(key, position)
        if not match:
            raise ValueError("'{}' isn't a dotted key".format(key))
        double, single, plain, separator = match.groups()
        if double is not None:
            found.append(json.loads('"{}"'.format(double)))
        else:
            found.append(single if single is not None else plain)
        position = match.end()
        if not separator:
            return found


def same(one: "object", other: "object") -> "bool":
    """Whether two values are equal and of the same kind: `true` isn't `1`, but `1.0` is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(left, right) for left, right in zip(one, other))
    return not isinstance(one, Other) and one == other


def shown(value: "object") -> "str":
    """A value as text for people, by which values of different kinds differ."""
    if isinstance(value, Other):
        return value.text
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def nested(path: "Sequence[str]", value: "object") -> "object":
    """`{"a": {"b": value}}` for the path a.b."""
    for name in reversed(path):
        value = {name: value}
    return value
