"""A real terminal for cdconf: a pty, and what its screen shows in the end."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pyte

from tests.conftest import CDCONF

ROWS = 300


class Terminal:
    """A process on a pty of its own, which is its controlling terminal.

    Args:
        root: Where it runs.
        arguments: cdconf's.
        columns: The terminal's width.
        program: What's run with Python, in place of cdconf.
    """

    def __init__(self, root, *arguments, columns=80, program=None, **environment):
        words = [sys.executable, *program] if program else CDCONF
        self._columns = columns
        self._bytes = b""
        self._mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *words, *arguments],
            cwd=root,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)

    def until(self, words):
        """Reads on until the screen shows this."""
        while words not in self.text():
            try:
                self._bytes += os.read(self._mine, 65536)
            except OSError:  # Linux: the other end is closed
                code = self.process.wait(timeout=60)
                raise AssertionError(f"it ended with {code} before it said '{words}':\n{self.text()}") from None

    def type(self, text):
        os.write(self._mine, text.encode())

    def hang_up(self):
        """As when the window is closed, or the connection to it breaks."""
        os.close(self._mine)

    def end(self):
        """Reads to the end; returns the exit code."""
        with contextlib.suppress(OSError):  # Linux: the other end is closed
            while data := os.read(self._mine, 65536):
                self._bytes += data
        os.close(self._mine)
        return self.process.wait(timeout=60)

    def lines(self):
        """The screen's lines, from the top to the last one that isn't empty."""
        screen = pyte.Screen(self._columns, ROWS)
        pyte.ByteStream(screen).feed(self._bytes)
        shown = [line.rstrip() for line in screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def text(self):
        return "\n".join(self.lines())


def wrapped(text, columns):
    """A text's lines as a terminal breaks them."""
    lines = []
    for line in text.splitlines():
        parts = [line[start : start + columns].rstrip() for start in range(0, len(line), columns)]
        lines += parts or [""]
    return lines
