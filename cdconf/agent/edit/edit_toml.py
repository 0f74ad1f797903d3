"""Changes one value of a TOML text and leaves every other byte as it is."""

import json
import re

from cdconf.agent import texts
from cdconf.agent.edit.dotted import NotEditable, same
from cdconf.agent.edit.toml_text import TomlReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.values import Always
    from cdconf.agent.edit.toml_text import TomlEntry

_INDENT: "Always" = re.compile(r"[ \t]*")  # type: ignore[assignment]  # it matches nothing, too
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
MISSING = object()


def _find(reader: "TomlReader", path: "list[str]") -> "TomlEntry | None":
    """The entry of a path, None when there's none.

    Raises:
        NotEditable: The path leads through an inline table, a value or an array of tables, or to a whole table.
    """
    shown = ".".join(path)
    for entry in reader.entries:
        if entry.header is not None and _through_array(reader, entry.header.path):
            continue
        if entry.path == path:
            return entry
        if entry.path == path[: len(entry.path)]:
            what = "an inline table" if isinstance(entry.value, dict) else "a value"
            raise NotEditable("'{}' is {}, so '{}' can't be set in it".format(".".join(entry.path), what, shown))
        if entry.path[: len(path)] == path:
            raise NotEditable("'{}' is a table: set its keys one by one".format(shown))
    if _through_array(reader, path):
        raise NotEditable("'{}' is in an array of tables, which can't be edited".format(shown))
    if any(header.path[: len(path)] == path for header in reader.headers):
        raise NotEditable("'{}' is a table: set its keys one by one".format(shown))
    return None


def _through_array(reader: "TomlReader", path: "list[str]") -> "bool":
    return any(header.array and header.path == path[: len(header.path)] for header in reader.headers)


def get(text: "str", path: "list[str]") -> "object":
    """The value at a path, `MISSING` when there's none. In an inline table it can be read, though not changed."""
    reader = TomlReader(text)
    try:
        entry = _find(reader, path)
    except NotEditable:
        for entry in reader.entries:
            if entry.path == path[: len(entry.path)] and not _through_array(reader, entry.path):
                value = entry.value
                for name in path[len(entry.path) :]:
                    if not isinstance(value, dict) or name not in value:
                        raise
                    value = value[name]
                return value
        raise
    return MISSING if entry is None else entry.value


def put(text: "str", path: "list[str]", value: "object") -> "str":
    """The text with a value set: in its place, beside its neighbours, at the end of its table, or in a new table."""
    reader = TomlReader(text)
    entry = _find(reader, path)
    fresh = dump(value)
    if entry is not None:
        result = text[: entry.value_start] + fresh + text[entry.value_end :]
    else:
        result = _insert(reader, path, fresh)
    _verify(reader, TomlReader(result), path, value)
    return result


def remove(text: "str", path: "list[str]") -> "str":
    """The text without the lines of a key."""
    reader = TomlReader(text)
    entry = _find(reader, path)
    if entry is None:
        return text
    result = text[: entry.start] + text[entry.end :]
    _verify(reader, TomlReader(result), path, MISSING)
    return result


def _verify(before: "TomlReader", after: "TomlReader", path: "list[str]", value: "object") -> "None":
    """Every other key is what it was, and this one is as wanted."""
    old = [(entry.path, repr(entry.value)) for entry in before.entries if entry.path != path]
    new = [(entry.path, repr(entry.value)) for entry in after.entries if entry.path != path]
    found = [entry.value for entry in after.entries if entry.path == path]
    if old != new or (found and not same(found[-1], value)) or bool(found) is (value is MISSING):
        raise NotEditable("the edit would change more than '{}'".format(".".join(path)))


def _insert(reader: "TomlReader", path: "list[str]", fresh: "str") -> "str":
    text = reader.text
    ending = "\r\n" if "\r\n" in text else "\n"
    parent = path[:-1]
    neighbour = _neighbour(reader, path)
    if neighbour is not None:
        lead = _INDENT.match(text, neighbour.start).group()
        above = len(neighbour.path) - len(neighbour.relative)
        return _at(text, neighbour.end, lead + key(path[above:]) + " = " + fresh, ending)
    headers = [header for header in reader.headers if header.path == parent and not header.array]
    if headers:
        return _at(text, headers[0].end, key(path[-1:]) + " = " + fresh, ending)
    line = key(path[-1:]) + " = " + fresh
    if not parent:
        return _at_top(reader, line, ending)
    if not texts.strip(text):
        return text + "[{}]{}{}{}".format(key(parent), ending, line, ending)
    text = text if text.endswith("\n") else text + ending
    return text + "{}[{}]{}{}{}".format(ending, key(parent), ending, line, ending)


def _neighbour(reader: "TomlReader", path: "list[str]") -> "TomlEntry | None":
    """The entry behind which a key goes: the last of the same table, else of a table that dotted keys define.

    A table that dotted keys define can't have a header, so whatever is new in it must be a dotted key too.
    """
    entries = [entry for entry in reader.entries if not _through_array(reader, entry.path)]
    beside = [entry for entry in entries if entry.path[:-1] == path[:-1]]
    if beside:
        return beside[-1]
    for depth in range(len(path) - 1, 0, -1):
        dotted = [
            entry
            for entry in entries
            if entry.path[:depth] == path[:depth] and len(entry.path) - len(entry.relative) < depth < len(entry.path)
        ]
        if dotted:
            return dotted[-1]
    return None


def _at(text: "str", position: "int", line: "str", ending: "str") -> "str":
    if position and not text[:position].endswith("\n"):
        line = ending + line
    return text[:position] + line + ending + text[position:]


def _at_top(reader: "TomlReader", line: "str", ending: "str") -> "str":
    """The first key of the whole document: before the first table and the comments that stand right above it."""
    own = [entry for entry in reader.entries if entry.header is None]
    if own or not reader.headers:
        return _at(reader.text, own[-1].end if own else len(reader.text), line, ending)
    lines = texts.whole_lines(reader.text[: reader.headers[0].start])
    while lines and lines[-1].lstrip(texts.BLANKS).startswith("#"):
        lines.pop()
    position = len("".join(lines))
    return reader.text[:position] + line + ending + ending + reader.text[position:]


def key(path: "list[str]") -> "str":
    """A dotted key, quoted where it must be."""
    return ".".join(name if _BARE.match(name) else json.dumps(name, ensure_ascii=False) for name in path)


def dump(value: "object") -> "str":
    """A value as TOML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[{}]".format(", ".join(dump(member) for member in value))
    if isinstance(value, dict):
        if not value:
            return "{}"
        return "{{ {} }}".format(", ".join("{} = {}".format(key([name]), dump(value[name])) for name in value))
    raise NotEditable("TOML has no {}".format("null" if value is None else type(value).__name__))
