"""Text files as lines that are changed one by one, while every other byte stays as it is.

Text is UTF-8 with whatever can't be decoded kept (surrogateescape). A line ends at LF alone; CR before it belongs to
the line's ending. A byte order mark stays where it is, and is no part of the first line. A link that's root's alone is
followed: what it points to is read and written, and the link stays.
"""

import os

from cdconf.agent import files
from cdconf.agent.errors import Failed, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    from cdconf.agent.data.values import Fields

LIMIT = 16 * 1024 * 1024
MARK = "\ufeff"  # the byte order mark that programs of Windows put before UTF-8
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class FileLines(object):
    """A file's lines, each with its ending.

    Args:
        text: The whole text.
        ending: What new lines end with in an empty file.

    Attributes:
        ending: What new lines end with: as the first line does.
    """

    def __init__(self, text: "str", ending: "str" = "\n") -> "None":
        self.lines = text.split("\n")
        last = self.lines.pop()
        self.lines = [line + "\n" for line in self.lines]
        if last:
            self.lines.append(last)
        self.ending = ending
        if self.lines:
            self.ending = "\r\n" if self.lines[0].endswith("\r\n") else "\n"

    def __len__(self) -> "int":
        return len(self.lines)

    def text(self) -> "str":
        """The whole text."""
        return "".join(self.lines)

    def bare(self, index: "int") -> "str":
        """A line without its ending."""
        return bare(self.lines[index])

    def all(self) -> "list[str]":
        """Every line without its ending."""
        return [bare(line) for line in self.lines]

    def replace(self, index: "int", line: "str") -> "None":
        """Changes a line and keeps its ending, or that it has none."""
        self.lines[index] = line + self.lines[index][len(self.bare(index)) :]

    def insert(self, index: "int", lines: "list[str]") -> "None":
        """Puts lines before the one at `index`; an unfinished last line is finished first."""
        if index >= len(self.lines) and self.lines and not self.lines[-1].endswith("\n"):
            self.lines[-1] += self.ending
        self.lines[index:index] = [line + self.ending for line in lines]

    def remove(self, first: "int", last: "int") -> "None":
        """Takes the lines from `first` to before `last` out."""
        del self.lines[first:last]


def bare(line: "str") -> "str":
    """A line without LF or CRLF."""
    if line.endswith("\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith("\n") else line


def place(lines: "list[str]", after: "re.Pattern[str] | None", before: "re.Pattern[str] | None") -> "int":
    """The index at which something new goes: behind the last match of `after`, before the first of `before`, the end.

    Args:
        lines: Texts without endings.
        after: A compiled pattern or None.
        before: A compiled pattern or None.
    """
    if after is not None:
        for index in range(len(lines) - 1, -1, -1):
            if after.search(lines[index]):
                return index + 1
    if before is not None:
        for index, line in enumerate(lines):
            if before.search(line):
                return index
    return len(lines)


def read(path: "str") -> "str | None":
    """The text of a file, None when there's none.

    Raises:
        Failed: It's no regular file, or far too big to be edited.
    """
    descriptor = files.open_file(path, follow=True)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        size = os.fstat(descriptor).st_size
        if size > LIMIT:
            raise Failed("'{}' has {} bytes; files above {} aren't edited".format(path, size, LIMIT))
        data = stream.read()
    if data.startswith(_UTF16) and b"\0" in data:
        raise Failed("'{}' is UTF-16; only UTF-8 and what ASCII is a part of are edited".format(path))
    return data.decode("utf-8", "surrogateescape")


def read_for(fields: "Fields") -> "str":
    """The text that a resource edits: empty when there's no file and it may make one or wants nothing in it.

    Raises:
        Missing: There's no file, and the resource may not make it.
    """
    text = read(fields["path"])
    if text is None and not fields.get("create") and not fields.get("absent"):
        raise Missing("file", fields["path"])
    return unmarked(text or "")


def unmarked(text: "str") -> "str":
    """The text behind its byte order mark, if it has one."""
    return text[1:] if text.startswith(MARK) else text


def write(fields: "Fields", text: "str") -> "None":
    """Replaces the file that a resource edits, keeping owner, mode, a byte order mark and a link that leads to it."""
    before = read(fields["path"])
    mark = MARK if (before or "").startswith(MARK) else ""
    data = (mark + text).encode("utf-8", "surrogateescape")
    mode = fields.get("new_mode") if before is None else None
    files.write_atomic(fields["path"], data, mode=mode, validate=fields.get("validate"), follow=True)
