"""Changes keys of INI files, and of shell-like `NAME=value` files, and leaves every other byte as it is.

There's no one INI format. What's read here is common to configparser, systemd.syntax(7), git-config(1) and my.cnf:
`[section]`, `key = value`, comments of whole lines with `#` or `;`, values that go on in lines that are indented
deeper or behind a backslash. A value is what stands behind the separator, as it's written.
"""

import re

from cdconf.agent.dotted import NotEditable
from cdconf.agent.lines import Lines

_SECTION = re.compile(r"\s*\[(?P<name>[^\]\r\n]*)\]\s*(?:[#;].*)?\Z")
_COMMENT = re.compile(r"\s*[#;]")
_INLINE = re.compile(r"\s+[#;]")
_SHELL_SAFE = re.compile(r"[A-Za-z0-9_@%+:,./=-]*\Z")
_SHELL_ASSIGNMENT = r"(?P<lead>\s*(?:export\s+)?)(?P<key>{})(?P<sep>=)(?P<value>.*)\Z"
_SHELL_TOKEN = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\]""")
_SHELL_WORD = re.compile("(?:{})*".format(_SHELL_TOKEN.pattern))
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
    """

    def __init__(self, text, section, key, separator=None, shell=False, comments=None):
        self.document = Lines(text)
        self.section = section
        self.key = key
        self.shell = shell
        self.comments = comments
        self.separator = separator
        self.pattern = self._pattern(re.escape(key))
        self.any_key = self._pattern(r"[^\s#;\[=:][^=:]*?" if separator is None else r"[^\s#;\[][^\r\n]*?")
        self.spans = self._spans()
        self.entries = self._entries()

    def _pattern(self, key):
        if self.shell:
            return re.compile(_SHELL_ASSIGNMENT.format(key))
        if self.separator is None:
            sep = r"\s*[=:]\s*"
        elif self.separator.strip():
            sep = r"\s*{}\s*".format(re.escape(self.separator.strip()))
        else:
            sep = r"\s+"
        return re.compile(r"(?P<lead>\s*)(?P<key>{})(?P<sep>{})(?P<value>.*?)\s*\Z".format(key, sep))

    def _spans(self):
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
            start = index + 1 if header.group("name").strip() == self.section else None
        if start is not None:
            spans.append((start, len(self.document)))
        return spans

    def _entries(self):
        """(line, match, whether the value goes on) of the key's lines."""
        return [one for start, end in self.spans for one in self._entries_in(start, end)]

    def _entries_in(self, start, end):
        found, indent, indent_line, goes_on = [], None, None, False
        lines = self.document.all()
        for index in range(start, end):
            line = lines[index]
            if not goes_on and (not line.strip() or _COMMENT.match(line)):
                continue
            own = len(line) - len(line.lstrip())
            continues = goes_on or (not self.shell and indent is not None and own > indent)
            if continues and found and found[-1][0] == indent_line:
                found[-1] = (found[-1][0], found[-1][1], True)
            goes_on = line.endswith("\\")
            if continues:
                continue
            indent, indent_line = own, index
            match = self.pattern.match(line)
            if match:
                found.append((index, match, False))
        return found

    def values(self):
        """The values of the key's lines, in their order."""
        return [self._value(one) for one in self.entries]

    def _value(self, entry):
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

    def put(self, values):
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

    def put_exactly(self, values):
        """Like `put`, but a single value is the only one."""
        if len(values) == 1:
            self._drop(self.entries[1:])
            self.entries = self.entries[:1]
        return self.put(values)

    def remove(self):
        """Takes the key's lines out."""
        self._drop(self.entries)
        return self.document.text()

    def _refuse_if_it_goes_on(self, entry):
        if entry[2]:
            raise NotEditable("the value of '{}' in line {} goes over several lines".format(self.key, entry[0] + 1))

    def _drop(self, entries):
        for entry in entries:
            self._refuse_if_it_goes_on(entry)
        for index, _, _ in reversed(entries):
            self.document.remove(index, index + 1)

    def _change(self, entry, value):
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

    def _add(self, values):
        lead, separator = self._style()
        fresh = [lead + self.key + separator + (_quote(value, "") if self.shell else value) for value in values]
        if self.entries:
            self._refuse_if_it_goes_on(self.entries[-1])
            self.document.insert(self.entries[-1][0] + 1, fresh)
        elif self.spans:
            self.document.insert(self._place(), fresh)
        else:
            blank = [""] if len(self.document) and self.document.bare(len(self.document) - 1).strip() else []
            self.document.insert(len(self.document), blank + ["[{}]".format(self.section)] + fresh)

    def _place(self):
        """Behind the commented-out line of the key, else behind the section's last line that isn't empty."""
        lines = self.document.all()
        sample = re.compile(r"\s*[#;]+\s*{}\s*(?:[=:]|\Z)".format(re.escape(self.key)))
        for start, end in reversed(self.spans):
            for index in range(end - 1, start - 1, -1):
                goes_on = index + 1 < end and lines[index + 1][:1].isspace()
                if sample.match(lines[index]) and not goes_on:
                    return index + 1
        start, end = self.spans[-1]
        while end > start and not lines[end - 1].strip():
            end -= 1
        return end

    def _style(self):
        """Indentation and separator of the nearest key: of the section, else of the file."""
        if self.shell:
            return "", "="
        lines = self.document.all()
        ranges = [range(end - 1, start - 1, -1) for start, end in reversed(self.spans)] + [
            range(len(lines) - 1, -1, -1)
        ]
        for indexes in ranges:
            for index in indexes:
                match = self.any_key.match(lines[index])
                if match and not _COMMENT.match(lines[index]) and match.group("value"):
                    separator = match.group("sep") if self.separator is None else self.separator
                    return match.group("lead"), separator
        return "", "=" if self.separator is None else self.separator


def _unquote(text):
    """A shell word's value, the word as it's written, and what stands behind it (a comment)."""
    word = _SHELL_WORD.match(text).group()
    rest = text[len(word) :]
    if rest.strip() and not re.match(r"\s+#", rest):
        raise NotEditable("its line isn't NAME=value, or a quote in it isn't closed")
    return "".join(_plain(token) for token in _SHELL_TOKEN.findall(word)), word, rest


def _plain(token):
    if token.startswith('"'):
        return re.sub(r'\\([\\"$`])', r"\1", token[1:-1])
    return token[1:-1] if token.startswith("'") else token[-1]


def _quote(value, old):
    """A shell word for a value, in the old word's quotes where that's possible."""
    if old.startswith("'") and "'" not in value:
        return "'{}'".format(value)
    if old.startswith('"') or not _SHELL_SAFE.match(value):
        return '"{}"'.format(re.sub(r'([\\"$`])', r"\\\1", value))
    return value
