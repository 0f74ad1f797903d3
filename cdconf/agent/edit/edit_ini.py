"""Changes keys of INI files, and of shell-like `NAME=value` files, and leaves every other byte as it is.

There's no one INI format. What's read here is common to configparser, systemd.syntax(7), git-config(1) and my.cnf:
`[section]`, `key = value`, comments of whole lines with `#` or `;`. How values go on over several lines is told
(`ini_kinds`); where it isn't, both ways are expected, and a line that may be the wanted key is refused. A value is what
stands behind the separator, as it's written.
"""

import re

from cdconf.agent import texts
from cdconf.agent.edit.dotted import NotEditable
from cdconf.agent.edit.lines import FileLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cdconf.agent.data.values import Always

    _Entry = tuple[int, re.Match[str], bool]  # see `Editor._entries`

_SECTION = re.compile(r"\s*\[(?P<name>[^\]\r\n]*)\]\s*(?:[#;].*)?\Z", re.ASCII)
_COMMENT = re.compile(r"\s*[#;]", re.ASCII)
_INLINE = re.compile(r"\s+[#;]", re.ASCII)
_SHELL_SAFE = re.compile(r"[A-Za-z0-9_@%+:,./=-]*\Z")
_SHELL_ASSIGNMENT = r"(?P<lead>\s*(?:export\s+)?)(?P<key>{})(?P<sep>=)(?P<value>.*)\Z"
_SHELL_TOKEN = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\]""")
_SHELL_WORD: "Always" = re.compile("(?:{})*".format(_SHELL_TOKEN.pattern))  # type: ignore[assignment]  # it matches nothing, too
# A parameter or command that the shell would put in: outside of single quotes, without a backslash.
_EXPANDS = re.compile(r"^(?:[^'\\$`]|\\.|'[^']*')*[$`]")


class Editor(object):
    """One section of a file and how its keys look.

    Args:
        text: The file's text.
        section: The section's name; None for what's before the first one.
        key: The key.
        separator: What is between key and value; None: `=` or `:`, as they're found.
        shell: Values are quoted as a shell reads them.
        comments: Whether ` #` or ` ;` begins a comment behind a value; None: not known.
        continuation: See `ini_kinds`; None: not known.

    Raises:
        NotEditable: A line may be the key, or go on with the value above it.
    """

    def __init__(
        self,
        text: "str",
        section: "str | None",
        key: "str",
        separator: "str | None" = None,
        shell: "bool" = False,
        comments: "bool | None" = None,
        continuation: "str | None" = None,
    ) -> "None":
        self.document = FileLines(text)
        self.section = section
        self.key = key
        self.shell = shell
        self.comments = False if continuation == "systemd" and comments is None else comments
        self.continuation = "backslash" if shell else continuation
        self.separator = separator
        self.pattern = self._pattern(re.escape(key))
        self.any_key = self._pattern(r"[^\s#;\[=:][^=:]*?" if separator is None else r"[^\s#;\[][^\r\n]*?")
        self.spans = self._spans()
        self.begun = self._begun()
        self.entries = self._entries()

    def _pattern(self, key: "str") -> "re.Pattern[str]":
        if self.shell:
            return re.compile(_SHELL_ASSIGNMENT.format(key), re.ASCII)
        if self.separator is None:
            sep = r"\s*[=:]\s*"
        elif texts.strip(self.separator):
            sep = r"\s*{}\s*".format(re.escape(texts.strip(self.separator)))
        else:
            sep = r"\s+"
        return re.compile(r"(?P<lead>\s*)(?P<key>{})(?P<sep>{})(?P<value>.*?)\s*\Z".format(key, sep), re.ASCII)

    def _spans(self) -> "list[tuple[int, int]]":
        """(first line, line behind the last) of each occurrence of the section."""
        if self.shell:
            return [(0, len(self.document))]
        spans, start = [], 0 if self.section is None else None
        for index, line in enumerate(self.document.all()):
            header = _SECTION.match(line)
            if not header:
                continue
            if start is not None:
                spans.append((start, index))
            start = index + 1 if texts.strip(header.group("name")) == self.section else None
        if start is not None:
            spans.append((start, len(self.document)))
        return spans

    def _begun(self) -> "dict[int, int | None]":
        """Each line that goes on with a value -> the line in which that begins."""
        found: "dict[int, int | None]" = {}
        indent: "int | None" = None
        begun: "int | None" = None
        escaped = False
        for index, line in enumerate(self.document.all()):
            if _SECTION.match(line) and not self.shell:
                indent, begun, escaped = None, None, False
                continue
            is_comment = _COMMENT.match(line)
            if (not escaped and (is_comment or not texts.strip(line))) or (is_comment and self._passes_comments()):
                continue
            own = len(line) - len(line.lstrip(texts.BLANKS))
            if escaped or (self._goes_on_indented() and indent is not None and own > indent):
                found[index] = begun
            else:
                indent, begun = own, index
            escaped = line.endswith("\\") and self.continuation in (None, "backslash", "systemd")
        return found

    def _goes_on_indented(self) -> "bool":
        return self.continuation in (None, "indented")

    def _passes_comments(self) -> "bool":
        return self.continuation == "systemd"

    def _entries(self) -> "list[_Entry]":
        """(line, match, whether the value goes on) of the key's lines."""
        found, going_on = [], set(self.begun.values())
        lines = self.document.all()
        for start, end in self.spans:
            for index in range(start, end):
                line = lines[index]
                match = None if _COMMENT.match(line) else self.pattern.match(line)
                if match and index not in self.begun:
                    found.append((index, match, index in going_on))
                elif match and self.continuation is None:
                    raise NotEditable(
                        "line {} may be '{}', or go on with the value above: say which, by `continuation`".format(
                            index + 1, self.key
                        )
                    )
        return found

    def values(self) -> "list[str]":
        """The values of the key's lines, in their order."""
        return [self._value(entry) for entry in self.entries]

    def _value(self, entry: "_Entry") -> "str":
        _, match, goes_on = entry
        text = match.group("value")
        if goes_on:
            return text + " ..."
        if self.shell:
            value, word, _ = _unquote(text)
            return value + " (expanded by the shell)" if _EXPANDS.search(word) else value
        if self.comments:
            return _INLINE.split(text, 1)[0]
        return text

    def put(self, values: "list[str]") -> "str":
        """Gives the key's lines these values: the last line where there's one value, else all of them."""
        if len(values) == 1 and self.entries:
            self._change(self.entries[-1], values[0])
            return self.document.text()
        for entry, value in zip(self.entries, values):
            self._change(entry, value)
        if len(values) > len(self.entries):
            self._add(values[len(self.entries) :])
        else:
            self._drop(self.entries[len(values) :])
        return self.document.text()

    def put_exactly(self, values: "list[str]") -> "str":
        """Like `put`, but a single value is the only one."""
        if len(values) == 1:
            self._drop(self.entries[1:])
            self.entries = self.entries[:1]
        return self.put(values)

    def remove(self) -> "str":
        """Takes the key's lines out."""
        self._drop(self.entries)
        return self.document.text()

    def _refuse_if_it_goes_on(self, entry: "_Entry") -> "None":
        if entry[2]:
            text = "the value of '{}' in line {} goes over several lines".format(self.key, entry[0] + 1)
            more = "; if it doesn't, say so by `continuation`" if self.continuation is None else ""
            raise NotEditable(text + more)

    def _drop(self, entries: "list[_Entry]") -> "None":
        for entry in entries:
            self._refuse_if_it_goes_on(entry)
        for index, _, _ in reversed(entries):
            self.document.remove(index, index + 1)

    def _change(self, entry: "_Entry", value: "str") -> "None":
        index, match, _ = entry
        if self._value(entry) == value and not entry[2]:
            return
        self._refuse_if_it_goes_on(entry)
        line = self.document.bare(index)
        old, tail = match.group("value"), line[match.end("value") :]
        if self.shell:
            _, old, rest = _unquote(old)
            tail = rest + tail
            value = _quote(value, old)
        else:
            inline = _INLINE.search(old)
            if inline and self.comments is None:
                raise NotEditable(
                    "line {} may hold a comment behind its value: say whether, by `inline_comments`".format(index + 1)
                )
            if inline and self.comments:
                tail = old[inline.start() :] + tail
        self.document.replace(index, line[: match.start("value")] + value + tail)

    def _add(self, values: "list[str]") -> "None":
        lead, separator = self._style()
        fresh = [lead + self.key + separator + (_quote(value, "") if self.shell else value) for value in values]
        if self.entries:
            self._refuse_if_it_goes_on(self.entries[-1])
            self.document.insert(self.entries[-1][0] + 1, fresh)
        elif self.spans:
            self.document.insert(self._place(), fresh)
        else:
            last = self.document.bare(len(self.document) - 1) if len(self.document) else ""
            blank = [""] if texts.strip(last) else []
            self.document.insert(len(self.document), blank + ["[{}]".format(self.section)] + fresh)

    def _place(self) -> "int":
        """Behind the commented-out line of the key, else behind the section's last line that isn't empty."""
        lines = self.document.all()
        sample = re.compile(r"\s*[#;]+\s*{}\s*(?:[=:]|\Z)".format(re.escape(self.key)), re.ASCII)
        for start, end in reversed(self.spans):
            for index in range(end - 1, start - 1, -1):
                if sample.match(lines[index]) and not self._would_go_on(lines[index + 1 : end]):
                    return index + 1
        start, end = self.spans[-1]
        while end > start and not texts.strip(lines[end - 1]):
            end -= 1
        return end

    def _would_go_on(self, following: "list[str]") -> "bool":
        """Whether a value in the line before these would go on in the first one that counts."""
        counting = (line for line in following if texts.strip(line) and not _COMMENT.match(line))
        return self._goes_on_indented() and next(counting, "")[:1] in tuple(texts.BLANKS)

    def _style(self) -> "tuple[str, str]":
        """Indentation and separator of the nearest key: of the section, else of the file."""
        if self.shell:
            return "", "="
        lines = self.document.all()
        ranges = [range(end - 1, start - 1, -1) for start, end in reversed(self.spans)] + [
            range(len(lines) - 1, -1, -1)
        ]
        for indexes in ranges:
            for index in indexes:
                match = None if index in self.begun else self.any_key.match(lines[index])
                if match and not _COMMENT.match(lines[index]) and match.group("value"):
                    separator = match.group("sep") if self.separator is None else self.separator
                    return match.group("lead"), separator
        return "", "=" if self.separator is None else self.separator


def _unquote(text: "str") -> "tuple[str, str, str]":
    """A shell word's value, the word as it's written, and what stands behind it (a comment)."""
    word = _SHELL_WORD.match(text).group()
    rest = text[len(word) :]
    if texts.strip(rest) and not re.match(r"\s+#", rest, re.ASCII):
        raise NotEditable("its line isn't NAME=value, or a quote in it isn't closed")
    return "".join(_plain(token) for token in _SHELL_TOKEN.findall(word)), word, rest


def _plain(token: "str") -> "str":
    if token.startswith('"'):
        return re.sub(r'\\([\\"$`])', r"\1", token[1:-1])
    return token[1:-1] if token.startswith("'") else token[-1]


def _quote(value: "str", old: "str") -> "str":
    """A shell word for a value, in the old word's quotes where that's possible."""
    if old.startswith("'") and "'" not in value:
        return "'{}'".format(value)
    if old.startswith('"') or not _SHELL_SAFE.match(value):
        return '"{}"'.format(re.sub(r'([\\"$`])', r"\\\1", value))
    return value
