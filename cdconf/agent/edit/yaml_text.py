"""Reads block mappings of YAML 1.2 (yaml.org/spec/1.2.2) with positions: as much as changing one value safely needs.

What isn't understood is either skipped by its indentation, or refused where it's on the way.
"""

import json
import re

from cdconf.agent import texts
from cdconf.agent.edit.dotted import NotEditable, Other
from cdconf.agent.edit.yaml_values import flow_end, flow_value, quoted_end, resolve, single

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
    r"""|(?:[^\s\-?:,\[\]{}#&*!|>'"%@`]|[-?:](?=\S))(?:[^:#\r\n]|:(?=\S)|(?<=\S)#)*?)"""
    r"""[ \t]*:(?=[ \t\r\n]|\Z)"""
)
_PLAIN = re.compile(r"(?:[^\s#]|(?<=\S)#|[ \t]+(?=[^\s#]))+")
_REST = re.compile(r"[ \t]*(?:(?<=[ \t])#.*)?\r?\n?\Z")


class Node(object):
    """`key: value` in a block mapping.

    Attributes:
        key: Its text.
        kind: `plain`, `quoted`, `flow`, `literal`, `empty`, `mapping`, `sequence`; `other` for what can't be edited.
        indent: The key's column.
        first, last: Its lines, the last one included.
        colon: Where the colon ends, in the first line.
        start, end: The value's columns: `start` in the first line, `end` in the line `until`.
    """

    def __init__(self, key: "str | Other", indent: "int", line: "int", colon: "int") -> "None":
        self.key, self.indent, self.first, self.last, self.colon = key, indent, line, line, colon
        self.kind, self.start, self.end, self.until = "empty", colon, colon, line


class YamlReader(object):
    """Reads the lines of one document.

    Args:
        lines: Each with its ending.

    Raises:
        NotEditable: There's more than one document, a directive, or tabs that indent.
    """

    def __init__(self, lines: "Iterable[str]") -> "None":
        self.lines = list(lines)
        self.begin = 0
        for index, line in enumerate(self.lines):
            if line.startswith("%") or line.startswith("..."):
                raise self.error(index, "directives and `...` can't be edited")
            if line.startswith("---"):
                if not _REST.match(line[3:]) or any(self._content(before) for before in range(index)):
                    raise self.error(index, "a file of several documents can't be edited")
                self.begin = index + 1
            if re.match(r" *\t+ *[^\s#]", line):
                raise self.error(index, "it's indented with a tab")

    @staticmethod
    def error(line: "int", what: "str") -> "NotEditable":
        """An error that names the line."""
        return NotEditable("line {}: {}".format(line + 1, what))

    def _content(self, index: "int") -> "bool":
        text = texts.strip(self.lines[index].lstrip("\ufeff"))
        return bool(text) and not text.startswith("#")

    def indent(self, index: "int") -> "int":
        """The column at which a line's text begins."""
        return len(self.lines[index]) - len(self.lines[index].lstrip(" "))

    def next_content(self, index: "int") -> "int":
        """The next line that isn't empty or a comment; the count of lines at the end."""
        while index < len(self.lines) and not self._content(index):
            index += 1
        return index

    def _is_dash(self, index: "int") -> "bool":
        return re.match(r" *-(?:\s|\Z)", self.lines[index]) is not None

    def root(self) -> "list[Node]":
        """The nodes of the document's mapping; none in an empty document."""
        first = self.next_content(self.begin)
        if first == len(self.lines):
            return []
        return self.mapping(first, self.indent(first))

    def mapping(self, index: "int", indent: "int") -> "list[Node]":
        """The nodes of a block mapping that begins in a line, at a column.

        Raises:
            NotEditable: It isn't a mapping, a line in it can't be read, or a key is there twice.
        """
        nodes: "list[Node]" = []
        index = self.next_content(index)
        while index < len(self.lines) and self.indent(index) >= indent:
            match = _KEY.match(self.lines[index], indent) if self.indent(index) == indent else None
            if not match or self._is_dash(index):
                raise self.error(index, "this isn't a key of a mapping in block style, so it can't be edited")
            node = Node(_key(match.group("key")), indent, index, match.end())
            self._read(node)
            if any(other.key == node.key for other in nodes):
                raise self.error(index, "the key '{}' is there twice".format(node.key))
            nodes.append(node)
            index = self.next_content(node.last + 1)
        return nodes

    def _read(self, node: "Node") -> "None":
        line = self.lines[node.first]
        node.start = node.end = len(line) - len(line[node.colon :].lstrip(" \t"))
        rest = line[node.start :].rstrip("\r\n")
        if not rest or rest.startswith("#"):
            node.start = node.end = node.colon
            self._read_nested(node)
        elif rest[0] in "[{\"'":
            self._read_closed(node, rest[0])
        elif rest[0] in "|>":
            node.kind = "literal" if re.match(r"\|[+-]?[ \t]*(?:#.*)?\Z", rest) else "other"
            node.end = len(line.rstrip("\r\n"))
            node.last = self._last_deeper(node, comments=True, keep="+" in rest.split("#")[0])
        elif rest[0] in "&*!@`%":
            node.kind = "other"
            node.last = self._last_deeper(node, dashes=True)
        else:
            found = _PLAIN.match(line, node.start)  # none where it begins with a blank of Unicode's
            node.end = found.end() if found else len(line.rstrip("\r\n"))
            node.last = self._last_deeper(node)
            node.kind = "plain" if found and node.last == node.first else "other"

    def _read_nested(self, node: "Node") -> "None":
        following = self.next_content(node.first + 1)
        node.last = self._last_deeper(node, dashes=True)
        if node.last == node.first:
            return
        if self._is_dash(following):
            node.kind = "sequence"
        else:
            node.kind = "mapping" if _KEY.match(self.lines[following], self.indent(following)) else "other"

    def _read_closed(self, node: "Node", first: "str") -> "None":
        text = "".join(self.lines[node.first :])
        end = quoted_end(text, node.start) if first in "\"'" else flow_end(text, node.start)
        if end is None:
            raise self.error(node.first, "a value that begins here doesn't end")
        node.kind = "quoted" if first in "\"'" else "flow"
        node.last = node.until = node.first + text.count("\n", 0, end)
        node.end = end - (text.rfind("\n", 0, end) + 1)
        if not _REST.match(self.lines[node.until][node.end :]) or self._last_deeper(node) != node.last:
            raise self.error(node.until, "the line goes on where a value ends")

    def _last_deeper(
        self, node: "Node", dashes: "bool" = False, comments: "bool" = False, keep: "bool" = False
    ) -> "int":
        """The last line that belongs to a node, since it's indented deeper (or is a member of its list)."""
        last = index = node.last
        while index + 1 < len(self.lines):
            index += 1
            if not texts.strip(self.lines[index]):
                last = index if keep else last
                continue
            if not comments and not self._content(index):
                continue
            deeper = self.indent(index) > node.indent
            if not deeper and not (dashes and self.indent(index) == node.indent and self._is_dash(index)):
                break
            last = index
        return last

    def raw(self, node: "Node") -> "str":
        """The node's lines as they're written."""
        return "".join(self.lines[node.first : node.last + 1])

    def children(self, node: "Node") -> "list[Node]":
        """The nodes of a node that is a mapping."""
        first = self.next_content(node.first + 1)
        return self.mapping(first, self.indent(first))

    def value(self, node: "Node") -> "object":
        """What a node's value is; `Other` where it can't be told."""
        try:
            if node.kind == "mapping":
                return {child.key: self.value(child) for child in self.children(node)}
            if node.kind == "sequence":
                return self._sequence(self.next_content(node.first + 1), node.last)
            if node.kind == "literal":
                return self._literal(node)
        except NotEditable as error:
            return Other(error.message)
        return self._inline(node)

    def _inline(self, node: "Node") -> "object":
        whole = "".join(self.lines[node.first : node.until]) + self.lines[node.until][: node.end]
        text = whole[node.start :]
        if node.kind == "plain":
            return resolve(text)
        if node.kind == "quoted" and "\n" not in text:
            return _key(text)
        if node.kind == "flow":
            return flow_value(text)
        return None if node.kind == "empty" else Other(texts.strip(self.lines[node.first]))

    def _sequence(self, index: "int", last: "int") -> "list[object]":
        """The members of a block list whose dashes are in the first line's column."""
        column, members = self.indent(index), []
        while index <= last:
            if self.indent(index) != column or not self._is_dash(index):
                raise self.error(index, "this list can't be read")
            following = index + 1
            while following <= last and (not self._content(following) or self.indent(following) > column):
                following += 1
            members.append(self._member(index, column, following - 1))
            index = self.next_content(following)
        return members

    def _member(self, index: "int", column: "int", last: "int") -> "object":
        inner = YamlReader([])
        inner.lines = list(self.lines[: last + 1])
        # Without its dash a member is like any other block.
        inner.lines[index] = inner.lines[index][:column] + " " + inner.lines[index][column + 1 :]
        start = inner.next_content(index)
        if start > last:
            return None
        if inner._is_dash(start):
            return inner._sequence(start, last)
        if _KEY.match(inner.lines[start], inner.indent(start)):
            return {node.key: inner.value(node) for node in inner.mapping(start, inner.indent(start))}
        node = Node("", column, start, inner.indent(start))
        inner._read(node)
        return inner.value(node)

    def _literal(self, node: "Node") -> "str":
        """The text of `|`, `|-` or `|+`."""
        lines = [line.rstrip("\r\n") for line in self.lines[node.first + 1 : node.last + 1]]
        indent = min([len(line) - len(line.lstrip(" ")) for line in lines if texts.strip(line)] or [0])
        text = "".join(line[indent:] + "\n" for line in lines)
        header = self.lines[node.first][node.start : node.start + 2]
        return text.rstrip("\n") if header == "|-" else text


def _key(text: "str") -> "str | Other":
    """A key or quoted scalar as text."""
    if text.startswith('"'):
        try:
            found: "str" = json.loads(text)
            return found
        except ValueError:
            return Other(text)
    return single(text) if text.startswith("'") else text
