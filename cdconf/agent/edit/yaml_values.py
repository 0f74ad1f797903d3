"""YAML's scalars and flow collections: what they mean, where they end, and how a value is written."""

import json
import re

from cdconf.agent import texts
from cdconf.agent.edit.dotted import Other

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cdconf.agent.data.values import Always

_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NULLS = ("", "~", "null", "Null", "NULL")
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-][0-9]+)?\Z")
# What YAML 1.1 and 1.2 read differently, or as what no wanted value is: octal, hexadecimal, 1_000, 22:22, dates.
_AMBIGUOUS = re.compile(
    r"[+-]?(?:0[0-9_]+|0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9.]+[eE][0-9]+|[0-9]+[eE][+-][0-9]+|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?|[yYnN=]\Z|<<\Z"
)
_SAFE = re.compile(r"[A-Za-z_/.][A-Za-z0-9_./@+-]*(?:[ :][A-Za-z0-9_./@+-]+)*\Z")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'', re.DOTALL)
_FLOW_PLAIN = re.compile(
    r"(?:[^\s,\[\]{}:#&*!|>'\"%@`-]|[:-](?=[^\s,\[\]{}]))(?:[^,\[\]{}:#\n]|:(?=[^\s,\[\]{}])|(?<=\S)#)*"
)
_FLOW_SPACE: "Always" = re.compile(r"(?:\s|(?<=\s)#[^\n]*)*")  # type: ignore[assignment]  # it matches nothing, too


def resolve(text: "str") -> "object":
    """What a plain scalar means. Spellings on which YAML's versions disagree are `Other`, `yes` and `on` booleans."""
    if text in _NULLS:
        return None
    if text.lower() in _BOOLEANS and text in (text.lower(), text.upper(), text.capitalize()):
        return _BOOLEANS[text.lower()]
    if _INTEGER.match(text):
        return int(text)
    if _AMBIGUOUS.match(text):
        return Other(text)
    return float(text) if _FLOAT.match(text) else text


def single(text: "str") -> "str":
    """What a single-quoted scalar means."""
    return text[1:-1].replace("''", "'")


def quoted_end(text: "str", start: "int") -> "int | None":
    """Where a quoted scalar ends; None when it doesn't."""
    found = _QUOTED.match(text, start)
    return found.end() if found else None


def flow_end(text: "str", start: "int") -> "int | None":
    """Where a flow collection ends; None when it doesn't."""
    depth, position = 0, start
    while position < len(text):
        char = text[position]
        if char in "\"'" and text[position - 1] in " \t\n[{,:":
            end = quoted_end(text, position)
            if end is None:
                return None
            position = end
            continue
        if char == "#" and text[position - 1] in texts.BLANKS:
            position = text.find("\n", position)
            if position < 0:
                return None
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return None


class _Unknown(Exception):
    """Something in a flow collection that isn't read here."""


def flow_value(text: "str") -> "object":
    """What a flow collection means; `Other` for anchors, tags and the like."""
    try:
        value, end = _flow(text, 0)
        return value if end == len(text) else Other(text)
    except (_Unknown, IndexError, ValueError):
        return Other(text)


def _skip(text: "str", position: "int") -> "int":
    return _FLOW_SPACE.match(text, position).end()


def _flow(text: "str", position: "int") -> "tuple[object, int]":
    char = text[position]
    if char == "[":
        return _flow_list(text, _skip(text, position + 1))
    if char == "{":
        return _flow_map(text, _skip(text, position + 1))
    if char in "\"'":
        end = quoted_end(text, position)
        if end is None or "\n" in text[position:end]:
            raise _Unknown
        word = text[position:end]
        return (json.loads(word) if char == '"' else single(word)), end
    found = _FLOW_PLAIN.match(text, position)
    if not found:
        raise _Unknown
    return resolve(texts.strip(found.group())), position + len(found.group().rstrip(texts.BLANKS))


def _flow_list(text: "str", position: "int") -> "tuple[list[object], int]":
    members = []
    while text[position] != "]":
        value, position = _flow(text, position)
        members.append(value)
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
        elif text[position] != "]":
            raise _Unknown
    return members, position + 1


def _flow_map(text: "str", position: "int") -> "tuple[dict[str, object], int]":
    result = {}
    while text[position] != "}":
        name, position = _flow(text, position)
        position = _skip(text, position)
        if text[position] != ":" or not isinstance(name, str) or name in result:
            raise _Unknown
        result[name], position = _flow(text, _skip(text, position + 1))
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
        elif text[position] != "}":
            raise _Unknown
    return result, position + 1


def scalar(value: "object", old: "str" = "") -> "str":
    """A value on one line; text is quoted when it must be, in the old value's quotes if it had some."""
    if not isinstance(value, str):
        return _flow_text(value)
    plain = _SAFE.match(value) and resolve(value) == value
    if old.startswith("'") and value.isprintable():
        return "'{}'".format(value.replace("'", "''"))
    if plain and not old.startswith('"'):
        return value
    return _double(value)


def _flow_text(value: "object") -> "str":
    """JSON, which YAML understands, but for numbers that YAML 1.1 takes for text."""
    if isinstance(value, (list, tuple)):
        return "[{}]".format(", ".join(_flow_text(member) for member in value))
    if isinstance(value, dict):
        return "{{{}}}".format(", ".join("{}: {}".format(_double(name), _flow_text(value[name])) for name in value))
    if isinstance(value, str):
        return _double(value)
    text = json.dumps(value)
    return text.replace("e", ".0e") if isinstance(value, float) and "e" in text and "." not in text else text


def _double(value: "str") -> "str":
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", _escape, json.dumps(value, ensure_ascii=False))


def _escape(found: "re.Match[str]") -> "str":
    return "\\u{:04x}".format(ord(found.group()))


def block(value: "Any", indent: "int", step: "int") -> "list[str]":
    """The lines of a list or mapping that isn't empty, in block style, at a column."""
    lead = " " * indent
    if isinstance(value, (list, tuple)):
        return ["{}- {}".format(lead, scalar(member)) for member in value]
    lines = []
    for name, member in value.items():
        if isinstance(member, (dict, list, tuple)) and member:
            lines.append("{}{}:".format(lead, scalar(name)))
            lines.extend(block(member, indent + step, step))
        else:
            lines.append("{}{}: {}".format(lead, scalar(name), scalar(member)))
    return lines
