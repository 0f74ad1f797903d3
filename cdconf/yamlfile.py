"""YAML as project files use it: few surprises, and a file and line for everything.

The YAML 1.2 core schema with fewer traps: `true` and `false` are the only booleans, there are no sexagesimals
and no dates, and what would silently change its value is refused with a hint: an octal `0644`, a float such as
`1.20`, a duplicate key, a tab, a merge key, a tag.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cdconf.errors import InvalidFile
from cdconf.inside import check_inside
from cdconf.other_words import example_hint, key_hint, kind_hint, tag_hint, top_hint
from cdconf.own_files import read_bytes, reason

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_OCTAL = re.compile(r"[-+]?0[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?\Z")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_IMPLICIT = {"int", "float", "bool", "null", "timestamp", "value"}  # the tags that plain scalars get by themselves
_BRACES = re.compile(r"(:|^\s*-)\s+\{\{")
_TAB = re.compile(r"[\s-]*\t")
_BRACES_HINT = 'a value that begins with {{ must be quoted: "{{ … }}"'
LARGEST = 16 * 1024 * 1024  # bytes of a file
DIGITS = 100  # of a whole number: Python itself refuses thousands
DEPTH = 50  # of lists and maps in each other
EXPANDED = 10_000  # values that all aliases of a file may stand for
SHOWN = 100  # characters of a value that's in an error
_INDENTATION = "check the indentation of this line and of the one above it"
_SYNTAX = (
    ("mapping values are not allowed", _INDENTATION),
    ("did not find expected key", _INDENTATION),
    ("did not find expected '-' indicator", _INDENTATION),
    ("block sequence entries are not allowed", _INDENTATION),
    ("did not find expected ',' or", "close the bracket, or quote a text that begins with one"),
    ("unexpected end of stream", "close the quote"),
    ("cannot start any token", "quote a text that begins with this character"),
    ("undefined alias", "quote a text that begins with `*`"),
    ("alphabetic or numeric character", "quote a text that begins with `*` or `&`"),
    ("could not find expected ':'", "a key needs a `:` and a space behind it"),
)
_TOO_DEEP = f"lists and maps are nested more than {DEPTH} deep"
REQUIRED: Any = object()


class YamlMap(dict[str, Any]):
    """A mapping that knows where it stands.

    Attributes:
        file: Relative to the project's root.
        line: Where the mapping begins.
        lines: Key -> the key's line.
    """

    __slots__ = ("file", "line", "lines")

    def __init__(self, values: Mapping[str, Any] = {}, *, file: str = "", line: int = 1) -> None:
        super().__init__(values)
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}

    def where(self, key: str | None = None) -> tuple[str, int]:
        """File and line of a key, or of the mapping."""
        return self.file, self.lines.get(key, self.line) if key is not None else self.line

    def error(self, message: str, key: str | None = None, hint: str | None = None) -> InvalidFile:
        """An error that points at a key, or at the mapping."""
        file, line = self.where(key)
        return InvalidFile(message, file=file, line=line, hint=hint)


class YamlList(list[Any]):
    """A list that knows where it and its members stand."""

    __slots__ = ("file", "line", "lines")

    def __init__(self, values: Iterable[Any] = (), *, file: str = "", line: int = 1) -> None:
        super().__init__(values)
        self.file = file
        self.line = line
        self.lines: list[int] = []


def load(path: Path, root: Path) -> YamlMap:
    """Reads a file whose top is a mapping; an empty file is an empty mapping.

    Raises:
        InvalidFile: It can't be read, isn't YAML, or breaks a rule.
    """
    try:
        shown = path.relative_to(root).as_posix()
    except ValueError:
        shown = str(path)
    return loads(read_text(path, shown, root), shown)


def load_if_any(path: Path, root: Path) -> YamlMap | None:
    """Like `load`, and None where there's nothing; what is there and can't be read isn't nothing."""
    return load(path, root) if is_there(path) else None


def is_there(path: Path) -> bool:
    """Whether there's anything of this name, also what can't be looked at: a broken link, a closed directory."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def read_text(path: Path, shown: str, root: Path) -> str:
    """The text of a project file, whose lines end with LF.

    The arguments and errors are those of `read_exactly`.
    """
    return read_exactly(path, shown, root).replace("\r\n", "\n").replace("\r", "\n")


def read_exactly(path: Path, shown: str, root: Path) -> str:
    """The text of a project file, with the line ends that it has.

    Args:
        path: The file.
        shown: What errors call it.
        root: The project.

    Raises:
        InvalidFile: It isn't a file of the project, can't be read, or isn't UTF-8.
    """
    check_inside(path, root, shown)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise InvalidFile("this isn't a file", file=shown, line=1)
        data = read_bytes(path, LARGEST)
    except OSError as error:
        raise InvalidFile(f"can't be read: {reason(error)}", file=shown, line=1) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidFile(f"this isn't UTF-8 (byte {error.start})", file=shown, line=line) from error


def loads(text: str, file: str) -> YamlMap:
    """Parses text; `file` is what errors name."""
    try:
        node = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from error
    except RecursionError:
        raise InvalidFile(_TOO_DEEP, file=file, line=1) from None
    except yaml.YAMLError as error:
        raise InvalidFile(f"this isn't YAML: {error}".splitlines()[0], file=file, line=1) from error
    if node is None:
        return YamlMap(file=file, line=1)
    if not isinstance(node, yaml.MappingNode):
        hint = top_hint("".join(text.splitlines()[_line(node) - 1 : _line(node)]))
        raise InvalidFile("the file must be a mapping: `key: value` lines", file=file, line=_line(node), hint=hint)
    result: YamlMap = _Builder(file, text).build(node)
    return result


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> InvalidFile:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    if _TAB.match(shown) or "'\\t'" in str(error.problem):
        return InvalidFile("a tab can't indent YAML", file=file, line=line, hint="use spaces")
    hint = _BRACES_HINT if _BRACES.search(shown) else _syntax_hint(str(error.problem), shown)
    hint = hint or top_hint(next((one for one in lines if one.strip() and not one.startswith("#")), ""))
    return InvalidFile(f"this isn't YAML: {error.problem}", file=file, line=line, hint=hint)


def _syntax_hint(problem: str, line: str) -> str | None:
    """What to look at, for the parser's own words."""
    if problem.startswith("mapping values are not allowed") and line.count(": ") > 1:
        return "quote a text that has `: ` in it"
    found = [hint for words, hint in _SYNTAX if words in problem]
    return found[0] if found else None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


class _Builder:
    """Turns composed nodes into values; what aliases share is built once."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text if "\t" in text else None
        self.building: set[int] = set()
        self.built: dict[int, tuple[Any, int]] = {}  # a node's value, and how many values it stands for
        self.count = 0
        self.expanded = 0

    def error(self, node: yaml.Node, message: str, hint: str | None = None) -> InvalidFile:
        return InvalidFile(message, file=self.file, line=_line(node), hint=hint)

    def build(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if id(node) in self.building:
            raise self.error(node, "an alias can't contain itself")
        if id(node) in self.built:
            return self.again(node)
        if len(self.building) >= DEPTH:
            raise self.error(node, _TOO_DEEP)
        before = self.count
        self.building.add(id(node))
        value = self.mapping(node) if isinstance(node, yaml.MappingNode) else self.sequence(node)
        self.building.discard(id(node))
        self.count += 1
        self.built[id(node)] = (value, self.count - before)
        return value

    def again(self, node: yaml.Node) -> Any:
        """A value that an alias repeats; few lines of nested aliases can stand for billions of values."""
        value, size = self.built[id(node)]
        self.count += size
        self.expanded += size
        if self.expanded > EXPANDED:
            raise self.error(node, f"the aliases of this anchor and others stand for more than {EXPANDED} values")
        return value

    def check_tabs(self, begin: yaml.Mark, end: yaml.Mark) -> None:
        """Refuses tabs between two places; in a comment they do no harm."""
        if self.text is None:
            return
        for number, line in enumerate(self.text[begin.index : end.index].split("\n")):
            if "\t" in line.partition("#")[0]:
                message = "a tab can't separate or indent YAML"
                raise InvalidFile(message, file=self.file, line=begin.line + 1 + number, hint="use spaces")

    def mapping(self, node: yaml.MappingNode) -> YamlMap:
        if node.tag != "tag:yaml.org,2002:map":
            raise self.error(node, f"the tag {node.tag} isn't known here")
        result = YamlMap(file=self.file, line=_line(node))
        for key_node, value_node in node.value:
            self.check_tabs(key_node.end_mark, value_node.start_mark)
            key = self.key(key_node)
            if key in result:
                raise self.error(key_node, f"the key '{key}' is here twice (first on line {result.lines[key]})")
            result[key] = self.build(value_node)
            result.lines[key] = _line(key_node)
        return result

    def key(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:merge":
            raise self.error(node, "merge keys (<<) aren't allowed", "write the keys out, or use a variable")
        key = self.scalar(node) if isinstance(node, yaml.ScalarNode) else node
        if not isinstance(key, str):
            braces = isinstance(node, yaml.MappingNode) and node.flow_style
            raise self.error(node, "a key must be text", _BRACES_HINT if braces else "quote it")
        return key

    def sequence(self, node: yaml.Node) -> YamlList:
        if not isinstance(node, yaml.SequenceNode) or node.tag != "tag:yaml.org,2002:seq":
            raise self.error(node, f"the tag {node.tag} isn't known here")
        result = YamlList(file=self.file, line=_line(node))
        place = node.start_mark
        for member in node.value:
            self.check_tabs(place, member.start_mark)
            place = member.end_mark
            result.append(self.build(member))
            result.lines.append(_line(member))
        return result

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if node.tag == "tag:yaml.org,2002:str":  # quoted, or a block, without a tag
            return text
        if node.tag.rpartition(":")[2] not in _IMPLICIT or node.style:
            raise self.error(node, f"the tag {node.tag} isn't known here", tag_hint(node.tag))
        lower = text.lower()
        if lower in _WORDS and text in (lower, lower.capitalize(), lower.upper()):
            return _WORDS[lower]
        if _OCTAL.match(text):
            raise self.error(node, f"{text} is a number with a leading zero", f'quote it: "{text}"')
        if _INTEGER.match(text):
            if len(text) > DIGITS:
                raise self.error(node, f"a number of more than {DIGITS} digits", "quote it, if it's text")
            return int(text)
        if _FLOAT.match(text):
            value = float(text)
            if repr(value) != text.lstrip("+"):
                raise self.error(node, f"{text} would be read as the number {value!r}", f'quote it: "{text}"')
            return value
        return text


def check_keys(mapping: YamlMap, known: Iterable[str], what: str) -> None:
    """Raises `InvalidFile` for the first key that isn't known.

    Args:
        mapping: From a file.
        known: The keys allowed.
        what: Names the mapping: "app 'shop'".
    """
    allowed = list(known)
    for key in mapping:
        if key not in allowed:
            raise mapping.error(f"unknown key '{key}' in {what}", key, key_hint(key, allowed))


_KINDS: dict[type, str] = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "a mapping"}


def kind_of(value: object) -> str:
    """What a value is, for people: "a list"."""
    if value is None:
        return "empty"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, bool):
        return "true or false"
    return next((name for kind, name in _KINDS.items() if isinstance(value, kind)), type(value).__name__)


def shown(value: object) -> str:
    """A value for people, in one short line: `'text'`, `5 (a whole number)`, `empty`."""
    if value is None or isinstance(value, bool):
        return {None: "empty", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"'{_short(value)}'"
    if isinstance(value, (list, tuple, dict)):
        return f"{_short(repr(value))} ({kind_of(value)})" if len(value) <= SHOWN else kind_of(value)
    try:
        return f"{_short(repr(value))} ({kind_of(value)})"
    except ValueError:  # an integer of thousands of digits
        return kind_of(value)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def expect(mapping: YamlMap, key: str, kind: type, what: str, default: Any = REQUIRED) -> Any:
    """A key's value, checked for its type (`str`, `int`, `bool`, `list`, `dict`).

    Raises:
        InvalidFile: It's missing without a default, or of another type.
    """
    if key not in mapping:
        if default is REQUIRED:
            raise mapping.error(f"{what} has no '{key}'", None, example_hint(key))
        return default
    value = mapping[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        message = f"'{key}' in {what} must be {_KINDS[kind]}, not {kind_of(value)}"
        raise mapping.error(message, key, kind_hint(what if what == "variables" else key, kind, value))
    return value
