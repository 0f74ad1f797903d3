"""Reads TOML 1.0 (toml.io) with positions: which bytes hold which key and value."""

import re

from cdconf.agent.edit.dotted import NotEditable, Other

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cdconf.agent.data.values import Always

_SPACE: "Always" = re.compile(r"[ \t]*")  # type: ignore[assignment]  # it matches nothing, too
_BLANK: "Always" = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")  # type: ignore[assignment]  # it matches nothing, too
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^\s,\]}#=\"']+(?: [0-9][0-9]:[0-9][0-9]:[0-9][0-9][^\s,\]}#]*)?")
_INTEGER = re.compile(r"[+-]?(?:0|[1-9](?:_?[0-9])*)\Z")
_BASED = re.compile(r"0(?:x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|o[0-7](?:_?[0-7])*|b[01](?:_?[01])*)\Z")
_FLOAT = re.compile(r"[+-]?(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9](?:_?[0-9])*)?(?:[eE][+-]?[0-9](?:_?[0-9])*)?\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]|[0-9][0-9]:[0-9][0-9]:[0-9][0-9]")
_ESCAPE = re.compile(r'\\(?:(["\\bfnrt])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[ \t]*\r?\n[ \t\r\n]*)')
_ESCAPES = {'"': '"', "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class TomlEntry(object):
    """`key = value`: its whole path, its path below its header, the value, and where both are.

    Attributes:
        start, end: The lines, the last one's ending included.
        value_start, value_end: The value alone.
        header: The `Header` it stands under; None before the first one.
    """

    def __init__(
        self,
        path: "list[str]",
        relative: "list[str]",
        value: "object",
        start: "int",
        value_start: "int",
        value_end: "int",
        header: "Header | None",
    ) -> "None":
        self.path, self.relative, self.value, self.header = path, relative, value, header
        self.start, self.value_start, self.value_end, self.end = start, value_start, value_end, value_end


class Header(object):
    """`[path]` or `[[path]]` (`array`), from `start` to `end`."""

    def __init__(self, path: "list[str]", array: "bool", start: "int", end: "int") -> "None":
        self.path, self.array, self.start, self.end = path, array, start, end


class TomlReader(object):
    """Reads a text; `entries` and `headers` are what it found.

    Raises:
        NotEditable: It isn't TOML.
    """

    def __init__(self, text: "str") -> "None":
        self.text = text
        self.at = 1 if text.startswith("\ufeff") else 0
        self.entries: "list[TomlEntry]" = []
        self.headers: "list[Header]" = []
        while True:
            self.at = _BLANK.match(text, self.at).end()
            if self.at >= len(text):
                break
            start = text.rfind("\n", 0, self.at) + 1
            if text[self.at] == "[":
                self._header(start)
            else:
                self._entry(start)

    def error(self, what: "str") -> "NotEditable":
        """An error that names the line."""
        return NotEditable("line {}: {}".format(self.text.count("\n", 0, self.at) + 1, what))

    def _take(self, token: "str") -> "None":
        if not self.text.startswith(token, self.at):
            raise self.error("'{}' is expected here".format(token))
        self.at += len(token)

    def _end_of_line(self) -> "int":
        rest = _REST.match(self.text, self.at)
        if not rest:
            raise self.error("the line goes on where it should end")
        self.at = rest.end()
        return rest.end()

    def _header(self, start: "int") -> "None":
        array = self.text.startswith("[[", self.at)
        self._take("[[" if array else "[")
        path = self._key()
        self._take("]]" if array else "]")
        if (
            not array
            and any(header.path == path and not header.array for header in self.headers)
            and not self._in_array(path)
        ):
            raise self.error("the table [{}] is there twice".format(".".join(path)))
        self.headers.append(Header(path, array, start, self._end_of_line()))

    def _in_array(self, path: "list[str]") -> "bool":
        return any(header.array and header.path == path[: len(header.path)] for header in self.headers)

    def _entry(self, start: "int") -> "None":
        header = self.headers[-1] if self.headers else None
        relative = self._key()
        self._take("=")
        self.at = _SPACE.match(self.text, self.at).end()
        value_start = self.at
        value = self.value()
        entry = TomlEntry(
            (header.path if header else []) + relative, relative, value, start, value_start, self.at, header
        )
        entry.end = self._end_of_line()
        self.entries.append(entry)

    def _key(self) -> "list[str]":
        path = []
        while True:
            self.at = _SPACE.match(self.text, self.at).end()
            if self.text[self.at : self.at + 1] in ('"', "'"):
                path.append(self._string())
            else:
                bare = _BARE.match(self.text, self.at)
                if not bare:
                    raise self.error("a key is expected here")
                path.append(bare.group())
                self.at = bare.end()
            self.at = _SPACE.match(self.text, self.at).end()
            if not self.text.startswith(".", self.at):
                return path
            self.at += 1

    def value(self) -> "object":
        """The value at the position, which moves behind it."""
        char = self.text[self.at : self.at + 1]
        if char in ('"', "'") and char:
            return self._string()
        if char == "[":
            return self._array()
        if char == "{":
            return self._inline()
        return self._scalar()

    def _scalar(self) -> "object":
        found = _SCALAR.match(self.text, self.at)
        if not found:
            raise self.error("a value is expected here")
        word = found.group()
        self.at = found.end()
        if word in ("true", "false"):
            return word == "true"
        if _INTEGER.match(word):
            return int(word.replace("_", ""))
        if _BASED.match(word):
            return int(word.replace("_", ""), 0)
        if _FLOAT.match(word):
            return float(word.replace("_", ""))
        if _DATE.match(word) or word.lstrip("+-") in ("inf", "nan"):
            return Other(word)
        raise self.error("'{}' isn't a value".format(word))

    def _array(self) -> "list[object]":
        self._take("[")
        values: "list[object]" = []
        while True:
            self.at = _BLANK.match(self.text, self.at).end()
            if self.text.startswith("]", self.at):
                self.at += 1
                return values
            values.append(self.value())
            self.at = _BLANK.match(self.text, self.at).end()
            if not self.text.startswith("]", self.at):
                self._take(",")

    def _inline(self) -> "dict[str, Any]":
        self._take("{")
        result: "dict[str, Any]" = {}
        self.at = _SPACE.match(self.text, self.at).end()
        while not self.text.startswith("}", self.at):
            path = self._key()
            self._take("=")
            self.at = _SPACE.match(self.text, self.at).end()
            inner = result
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            if not isinstance(inner, dict) or path[-1] in inner:
                raise self.error("the key '{}' is there twice".format(".".join(path)))
            inner[path[-1]] = self.value()
            self.at = _SPACE.match(self.text, self.at).end()
            if not self.text.startswith("}", self.at):
                self._take(",")
        self.at += 1
        return result

    def _string(self) -> "str":
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            return self._long_string(quote)
        pattern = r'"((?:[^"\\\n]|\\.)*)"' if quote == '"' else r"'([^'\n]*)'"
        found = re.compile(pattern).match(self.text, self.at)
        if not found:
            raise self.error("a string isn't closed")
        self.at = found.end()
        return self._unescape(found.group(1)) if quote == '"' else found.group(1)

    def _long_string(self, quote: "str") -> "str":
        pattern = (
            r'"""(?:\r?\n)?((?:[^"\\]|\\.|"{1,2}(?!"))*"{0,2})"""'
            if quote == '"'
            else r"'''(?:\r?\n)?(.*?'{0,2})'''(?!')"
        )
        found = re.compile(pattern, re.DOTALL).match(self.text, self.at)
        if not found:
            raise self.error("a string isn't closed")
        self.at = found.end()
        return self._unescape(found.group(1)) if quote == '"' else found.group(1)

    def _unescape(self, text: "str") -> "str":
        def character(found: "re.Match[str]") -> "str":
            simple, short, long = found.groups()
            if simple:
                return _ESCAPES[simple]
            return chr(int(short or long, 16)) if short or long else ""

        if "\\" in _ESCAPE.sub("", text):
            raise self.error("a string holds an unknown escape")
        return _ESCAPE.sub(character, text)
