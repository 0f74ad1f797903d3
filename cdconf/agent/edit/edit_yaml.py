"""Changes one value of a YAML text's block mappings and leaves every other byte as it is."""

import re

from cdconf.agent.edit.dotted import NotEditable, nested, same
from cdconf.agent.edit.lines import FileLines
from cdconf.agent.edit.yaml_text import YamlReader
from cdconf.agent.edit.yaml_values import block, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.edit.dotted import Other
    from cdconf.agent.edit.yaml_text import Node

MISSING = object()
_ANCHOR = re.compile(r"(?:^|[\s,\[{])&[^\s,\]}]")
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:[^']|'')*'", re.DOTALL)
_TEXTS = ("plain", "quoted", "literal", "empty")  # a value that begins with an anchor is none of these


def _is_empty(reader: "YamlReader", node: "Node") -> "bool":
    return node.kind == "empty" or (node.kind == "flow" and reader.value(node) == {})


def _walk(reader: "YamlReader", path: "list[str]") -> "tuple[list[list[Node]], list[Node]]":
    """The mappings on the way, outermost first, each a list of nodes, and the node of each part that's there.

    Raises:
        NotEditable: The way leads through something else than block mappings.
    """
    levels, way = [reader.root()], []
    for depth, name in enumerate(path):
        node = next((one for one in levels[-1] if one.key == name), None)
        if node is None:
            break
        way.append(node)
        if depth + 1 == len(path) or _is_empty(reader, node):
            break
        if node.kind != "mapping":
            shown = {"flow": "written in flow style", "other": "an anchor, tag or text of several lines"}
            what = shown.get(node.kind, "not a mapping")
            raise reader.error(node.first, "'{}' is {}, so nothing can be set in it".format(name, what))
        levels.append(reader.children(node))
    return levels, way


def _reader(text: "str") -> "YamlReader":
    return YamlReader(FileLines(text).lines)


def get(text: "str", path: "list[str]") -> "object":
    """The value at a path, `MISSING` when there's none."""
    reader = _reader(text)
    try:
        _, way = _walk(reader, path)
    except NotEditable:
        # In flow style a value can be read, though not changed.
        found = dig({node.key: reader.value(node) for node in reader.root()}, path)
        if found is MISSING:
            raise
        return found
    return reader.value(way[-1]) if len(way) == len(path) else MISSING


def dig(value: "object", path: "list[str]") -> "object":
    """What a path leads to in plain mappings; `MISSING` where it leads nowhere."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def put(text: "str", path: "list[str]", value: "object") -> "str":
    """The text with a value set: in its place, or at the end of the mapping that it belongs to."""
    reader = _reader(text)
    levels, way = _walk(reader, path)
    document = FileLines(text)
    if len(way) == len(path):
        _replace(reader, document, way[-1], value)
    else:
        _insert(reader, document, levels, way, path, value)
    result = document.text()
    _verify(text, result, path, value)
    return result


def remove(text: "str", path: "list[str]") -> "str":
    """The text without the lines of a key; a mapping that loses its last key becomes `{}`."""
    reader = _reader(text)
    levels, way = _walk(reader, path)
    if len(way) < len(path):
        return text
    _keep_anchors(reader, way[-1])
    document = FileLines(text)
    document.remove(way[-1].first, way[-1].last + 1)
    if len(levels[-1]) == 1 and len(way) > 1:
        _put_behind_colon(document, way[-2], " {}")
    result = document.text()
    _verify(text, result, path, MISSING)
    return result


def _put_behind_colon(document: "FileLines", node: "Node", text: "str") -> "None":
    line = document.lines[node.first]
    document.lines[node.first] = line[: node.colon] + text + line[node.colon :]


def _step(reader: "YamlReader") -> "int":
    """How much deeper each level is, as the first nested mapping has it."""
    for node in reader.root():
        if node.kind == "mapping":
            return reader.children(node)[0].indent - node.indent
    return 2


def _keep_anchors(reader: "YamlReader", node: "Node") -> "None":
    if node.kind not in _TEXTS and _ANCHOR.search(_QUOTED.sub('""', reader.raw(node))):
        raise reader.error(node.first, "'{}' holds an anchor, which others may refer to".format(node.key))


def _replace(reader: "YamlReader", document: "FileLines", node: "Node", value: "object") -> "None":
    _keep_anchors(reader, node)
    if node.kind == "other":
        raise reader.error(node.first, "'{}' is an anchor, a tag or text of several lines".format(node.key))
    as_block = isinstance(value, (dict, list, tuple)) and value and node.kind != "flow"
    line = document.lines[node.first]
    old = line[node.start : node.end]
    tail = document.lines[node.until][node.end :]
    fresh = "" if as_block else " " + scalar(value, old if node.kind == "quoted" else "")
    space = line[node.colon : node.start] if fresh and node.start > node.colon else ""
    head = line[: node.colon] + (space + fresh[1:] if space else fresh)
    document.lines[node.first : node.last + 1] = [head + tail]
    if as_block:
        document.insert(node.first + 1, block(value, node.indent + _step(reader), _step(reader)))


def _insert(
    reader: "YamlReader",
    document: "FileLines",
    levels: "list[list[Node]]",
    way: "list[Node]",
    path: "list[str]",
    value: "object",
) -> "None":
    left = path[len(way) :]
    tree = nested(left, value)
    if way and _is_empty(reader, way[-1]):
        line = document.lines[way[-1].first]
        document.lines[way[-1].first] = line[: way[-1].colon] + line[way[-1].end :]
        indent, place = way[-1].indent + _step(reader), way[-1].first + 1
    elif levels[-1]:
        indent, place = levels[-1][-1].indent, levels[-1][-1].last + 1
    else:
        indent, place = 0, len(document)
    document.insert(place, block(tree, indent, _step(reader)))


def _verify(before: "str", after: "str", path: "list[str]", value: "object") -> "None":
    """The wanted value is there, and every neighbour on the way is written as it was."""
    try:
        found = get(after, path)
    except NotEditable as error:
        raise NotEditable("the edit would break the file: {}".format(error.message))
    good = found is MISSING if value is MISSING else found is not MISSING and same(found, value)
    if not good or _neighbours(before, path) != _neighbours(after, path):
        raise NotEditable("the edit would change more than '{}'".format(".".join(path)))


def _neighbours(text: "str", path: "list[str]") -> "list[tuple[int, str | Other, str]]":
    """What's written beside the path, level by level."""
    reader = _reader(text)
    levels, _ = _walk(reader, path)
    beside = []
    for depth, nodes in enumerate(levels):
        own = [(depth, node.key, reader.raw(node).rstrip("\r\n")) for node in nodes if node.key != path[depth]]
        beside.extend(own)
    return beside
