"""Changes one value of a JSON text (RFC 8259) and leaves every other byte as it is."""

import json
import re

from cdconf.agent import texts
from cdconf.agent.edit.dotted import NotEditable, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cdconf.agent.data.values import Always

_SPACE: "Always" = re.compile(r"[ \t\r\n]*")  # type: ignore[assignment]  # it matches nothing, too
_INDENT: "Always" = re.compile(r"[ \t]*")  # type: ignore[assignment]  # it matches nothing, too
_DECODER = json.JSONDecoder()
MISSING = object()


def _unique(pairs: "list[tuple[str, Any]]") -> "dict[str, Any]":
    names = set()
    for name, _ in pairs:
        if name in names:
            raise ValueError("the key '{}' is there twice".format(name))
        names.add(name)
    return dict(pairs)


def _constant(name: "str") -> "NoReturn":
    raise ValueError("{} isn't a number".format(name))


def check(text: "str") -> "None":
    """Raises `NotEditable` for what isn't JSON, or has a key twice."""
    try:
        json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise NotEditable("it isn't JSON that can be edited: {}".format(error))


def _skip(text: "str", position: "int") -> "int":
    return _SPACE.match(text, position).end()


def _members(text: "str", start: "int") -> "list[tuple[str, int, int, int]]":
    """(key, start of the key, start and end of the value) of an object that begins at `start`."""
    found = []
    position = _skip(text, start + 1)
    while text[position] != "}":
        key_start = position
        key, position = _DECODER.raw_decode(text, position)
        value_start = _skip(text, _skip(text, position) + 1)
        _, value_end = _DECODER.raw_decode(text, value_start)
        found.append((key, key_start, value_start, value_end))
        position = _skip(text, value_end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _walk(text: "str", path: "list[str]") -> "tuple[int, list[str], int | None]":
    """How far the path leads: (start of the last value on it, the parts that are left, the last object's start)."""
    position, above = _skip(text, 0), None
    for depth, name in enumerate(path):
        if text[position] != "{":
            where = ".".join(path[:depth]) or "the whole document"
            raise NotEditable("{} isn't an object, so it has no key '{}'".format(where, name))
        above = position
        inside = [member for member in _members(text, position) if member[0] == name]
        if not inside:
            return position, path[depth:], above
        position = inside[0][2]
    return position, [], above


def get(text: "str", path: "list[str]") -> "object":
    """The value at a path, `MISSING` when there's none."""
    if not texts.strip(text):
        return MISSING
    check(text)
    position, left, _ = _walk(text, path)
    return MISSING if left else _DECODER.raw_decode(text, position)[0]


def put(text: "str", path: "list[str]", value: "object") -> "str":
    """The text with a value set."""
    if not texts.strip(text):
        return json.dumps(nested(path, value), indent=2, ensure_ascii=False) + "\n"
    check(text)
    position, left, _ = _walk(text, path)
    step = _step(text)
    if not left:
        end = _DECODER.raw_decode(text, position)[1]
        return text[:position] + _dump(value, step, _indentation(text, position), _ending(text)) + text[end:]
    return _insert(text, position, left[0], nested(left[1:], value), step)


def _insert(text: "str", start: "int", name: "str", value: "object", step: "str | None") -> "str":
    members = _members(text, start)
    ending = _ending(text)
    if not members:
        end = text.index("}", start)
        own = _indentation(text, start)
        if step is None and ending not in texts.strip(text):
            return text[: start + 1] + _member(name, value, None, "", ending) + text[end:]
        inner = own + (step or "  ")
        fresh = ending + inner + _member(name, value, step or "  ", inner, ending) + ending + own
        return text[: start + 1] + fresh + text[end:]
    last = members[-1]
    between = text[last[1] - len(_lead(text, last[1])) : last[1]]
    on_own_line = "\n" in between
    indent = between.rpartition("\n")[2] if on_own_line else ""
    lead = between if on_own_line else " " if text[start : last[2]].count(" ") else ""
    fresh = (
        ","
        + lead.replace(between, _one_break(between))
        + _member(name, value, step if on_own_line else None, indent, ending)
    )
    return text[: last[3]] + fresh + text[last[3] :]


def _one_break(space: "str") -> "str":
    """White space before a member, without empty lines in it."""
    head, newline, tail = space.rpartition("\n")
    return ("\r" if head.endswith("\r") else "") + newline + tail if newline else space


def _lead(text: "str", position: "int") -> "str":
    start = position
    while start and text[start - 1] in " \t\r\n":
        start -= 1
    return text[start:position]


def _member(name: "str", value: "object", step: "str | None", indent: "str", ending: "str") -> "str":
    return "{}: {}".format(json.dumps(name, ensure_ascii=False), _dump(value, step, indent, ending))


def _dump(value: "object", step: "str | None", indent: "str", ending: "str") -> "str":
    if step is None:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=step).replace("\n", ending + indent)


def _ending(text: "str") -> "str":
    return "\r\n" if "\r\n" in text else "\n"


def _step(text: "str") -> "str | None":
    """The document's indentation of one level; None when it's all on one line."""
    found = re.search(r"[{\[][ \t]*\r?\n([ \t]+)", text)
    return found.group(1) if found else None


def _indentation(text: "str", position: "int") -> "str":
    """The white space at the beginning of the line that a position is in."""
    start = text.rfind("\n", 0, position) + 1
    return _INDENT.match(text, start).group()


def remove(text: "str", path: "list[str]") -> "str":
    """The text without the key that a path leads to, and its comma."""
    check(text)
    _, left, above = _walk(text, path)
    if left or above is None:
        return text
    members = _members(text, above)
    index = [member[0] for member in members].index(path[-1])
    if index:
        return text[: members[index - 1][3]] + text[members[index][3] :]
    if len(members) > 1:
        return text[: members[0][1]] + text[members[1][1] :]
    return text[: above + 1] + text[text.index("}", members[0][3]) :]
