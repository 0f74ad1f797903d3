"""stdout and stderr as this process writes them: output that nobody can read any more ends, and the run goes on.

`cdconf deploy … | head -8` must not leave a deployment half done, nor may a terminal that was closed or a full disk
behind a log.
"""

from __future__ import annotations

import errno
import io
import locale
import os
import select
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TextIO

# Whoever reads has gone. EIO is among them on a terminal only: that's what a closed one says.
_GONE = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN, errno.EBADF}


class Outlet(io.RawIOBase):
    """The bytes that go to stdout or stderr. Writing never fails.

    Args:
        descriptor: Where they go; it stays open when the outlet is closed.

    Attributes:
        is_over: Whether the reader has gone. From then on nothing that's written goes anywhere.
        failure: Why something couldn't be written although there is a reader, such as a full disk; None if all could.
        around: Makes room on the terminal while something is written to it; it's called with what will be written.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.is_over = False
        self.failure: OSError | None = None
        self.around: Callable[[bytes], AbstractContextManager[None]] | None = None
        self._descriptor = descriptor
        self._gone = _GONE | ({errno.EIO} if os.isatty(descriptor) else set())

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        content = bytes(data)
        if self.is_over or not content:
            return len(content)
        if self.around is None:
            self._write(content)
        else:
            with self.around(content):
                self._write(content)
        return len(content)

    def _write(self, content: bytes) -> None:
        """Writes all of it, or notes why it can't be."""
        while content:
            try:
                content = content[os.write(self._descriptor, content) :]
            except BlockingIOError:  # another program that has the same terminal made it so
                select.select([], [self._descriptor], [])
            except OSError as error:
                if error.errno in self._gone:
                    self._end()
                else:
                    self.failure = error
                return

    def _end(self) -> None:
        """What this process starts from now on must not fail of it either."""
        self.is_over = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._descriptor)
        os.close(nowhere)


def open_outlets() -> None:
    """Makes outlets of `sys.stdout` and `sys.stderr`; what was closed from the start goes nowhere.

    A host may say what this terminal's locale can't show, so that it's shown as escapes.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, else a host's connection would
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  for the whole run
    sys.stdout = _text(1, sys.stdout)
    sys.stderr = _text(2, sys.stderr, by_line=True)


def _text(descriptor: int, before: TextIO | None, *, by_line: bool = False) -> TextIO:
    """A text stream to an outlet, set as the one before it."""
    if isinstance(before, io.TextIOWrapper):
        before.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Outlet(descriptor)),
        encoding=getattr(before, "encoding", None) or locale.getpreferredencoding(False),
        errors="backslashreplace",
        line_buffering=by_line or getattr(before, "line_buffering", False),
        write_through=getattr(before, "write_through", False),
    )


def outlet_of(stream: object) -> Outlet | None:
    """The outlet behind a text stream; None for any other stream."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Outlet) else None


def beside(stream: TextIO) -> TextIO:
    """A second stream to where a stream goes, for what the first one's `around` makes room for."""
    outlet = outlet_of(stream)
    return stream if outlet is None else _text(outlet.fileno(), stream, by_line=True)


def is_over(stream: object) -> bool:
    """Whether nobody reads a stream any more."""
    outlet = outlet_of(stream)
    return outlet is not None and outlet.is_over
