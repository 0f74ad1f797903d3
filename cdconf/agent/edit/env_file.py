"""Environment files as systemd reads an EnvironmentFile= (systemd.exec(5), its `src/basic/env-file.c`).

An app's service gets its variables from systemd, its migrations from here: both must see the same values, whatever the
file looks like. So this is systemd's own state machine, and what it passes over is passed over here too.
"""

import re

from cdconf.agent import files
from cdconf.agent.commands.execute import run
from cdconf.agent.errors import Failed, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    _Step = Callable[[str], "_Step"]

LIMIT = 1024 * 1024
COMMENTS_END = (
    254  # from this version of systemd on, a backslash at a comment's end doesn't make the next line a comment
)
_BLANKS, _ENDS, _ESCAPED = " \t\n\r", "\n\r", '"\\`$'
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*\\Z")


def read(path: "str") -> "dict[str, str]":
    """The variables of a file, `{name: value}`.

    Raises:
        Failed: The file is missing, too large, or one that systemd refuses as a whole: not UTF-8, or with null bytes.
    """
    try:
        data = files.read(path, follow=True, limit=LIMIT + 1)
    except OSError as error:
        raise _unreadable(path, str(error))
    if data is None:
        raise _unreadable(path, "it isn't there")
    if len(data) > LIMIT:
        raise _unreadable(path, "it has more than {} bytes".format(LIMIT))
    if b"\0" in data:
        raise _unreadable(path, "there's a null byte in line {}".format(data.count(b"\n", 0, data.index(b"\0")) + 1))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(path, "line {} isn't UTF-8".format(data.count(b"\n", 0, error.start) + 1))
    return parse(text, _comments_go_on(text))


def _unreadable(path: "str", why: "str") -> "Failed":
    return Failed("can't read the environment file {}: {}".format(path, why))


def _comments_go_on(text: "str") -> "bool":
    """Whether this host's systemd lets a comment go on behind a backslash; asked only where the file has such a one."""
    if not re.search(r"^[ \t]*[#;].*\\\r?$", text, re.MULTILINE):
        return False
    try:
        found = re.match(r"systemd ([0-9]+)", run(["systemctl", "--version"], timeout=60).out)
    except Missing:
        return False
    return found is not None and int(found.group(1)) < COMMENTS_END


def parse(text: "str", comments_go_on: "bool" = False) -> "dict[str, str]":
    """Reads `NAME=value` assignments with shell-like quotes; names that can't be a variable's are left out.

    Args:
        text: The file's.
        comments_go_on: Whether a backslash at a comment's end makes the next line a part of it.
    """
    reader = _EnvFileReader(comments_go_on)
    for char in text:
        reader.state = reader.state(char)
    return reader.ended()


class _EnvFileReader(object):
    """Each state is a method that takes a character and returns the next state."""

    def __init__(self, comments_go_on: "bool") -> "None":
        self.found: "dict[str, str]" = {}
        self.state: "_Step" = self._before_name
        self._comments_go_on = comments_go_on
        self._name: "list[str]" = []
        self._value: "list[str]" = []
        self._trailing = 0  # characters at the value's end that are dropped: blanks that weren't escaped

    def ended(self) -> "dict[str, str]":
        """What was found; an assignment counts without an end of its line too, even in a quote that's open."""
        if self.state not in (self._before_name, self._in_name, self._in_comment, self._in_comment_escape):
            self._assign()
        return self.found

    def _assign(self) -> "None":
        name = "".join(self._name).rstrip(_BLANKS)
        value = "".join(self._value[: len(self._value) - self._trailing])
        if _NAME.match(name):
            self.found[name] = value
        self._name, self._value, self._trailing = [], [], 0

    def _before_name(self, char: "str") -> "_Step":
        if char in "#;":
            return self._in_comment
        if char in _BLANKS:
            return self._before_name
        self._name = [char]
        return self._in_name

    def _in_name(self, char: "str") -> "_Step":
        if char in _ENDS:
            return self._before_name
        if char == "=":
            self._value, self._trailing = [], 0
            return self._before_value
        self._name.append(char)
        return self._in_name

    def _before_value(self, char: "str") -> "_Step":
        """Before the value, and behind each quoted part of it."""
        if char in _ENDS:
            self._assign()
            return self._before_name
        if char == "'":
            return self._in_single
        if char == '"':
            return self._in_double
        if char == "\\":
            return self._in_escape
        if char in _BLANKS:
            return self._before_value
        self._value.append(char)
        return self._in_value

    def _in_value(self, char: "str") -> "_Step":
        if char in _ENDS:
            self._assign()
            return self._before_name
        if char == "\\":
            self._trailing = 0
            return self._in_escape
        self._value.append(char)
        self._trailing = self._trailing + 1 if char in _BLANKS else 0
        return self._in_value

    def _in_escape(self, char: "str") -> "_Step":
        if char not in _ENDS:
            self._value.append(char)
        return self._in_value

    def _in_single(self, char: "str") -> "_Step":
        if char == "'":
            return self._before_value
        self._value.append(char)
        return self._in_single

    def _in_double(self, char: "str") -> "_Step":
        if char == '"':
            return self._before_value
        if char == "\\":
            return self._in_double_escape
        self._value.append(char)
        return self._in_double

    def _in_double_escape(self, char: "str") -> "_Step":
        if char != "\n":
            self._value.append(char if char in _ESCAPED else "\\" + char)
        return self._in_double

    def _in_comment(self, char: "str") -> "_Step":
        if char in _ENDS:
            return self._before_name
        return self._in_comment_escape if char == "\\" else self._in_comment

    def _in_comment_escape(self, char: "str") -> "_Step":
        if char in _ENDS and not self._comments_go_on:
            return self._before_name
        return self._in_comment
