"""What commands on hosts print: whole lines with the host's name before them, or bytes kept for the JSON document."""

from __future__ import annotations

import codecs
import sys
import threading
from collections.abc import Callable, Sequence

import click

from cdconf.render.outlet import is_over
from cdconf.render.style import has_colour

KEPT = 4 * 1024 * 1024  # bytes
LINE = 64 * 1024  # characters of a line that doesn't end; it's shown in pieces
CUT = "…"  # where it was cut: the mask knows by it that half of a secret may stand there
_COLOURS = ("cyan", "green", "yellow", "blue", "magenta", "bright_cyan")


class LinePrinter:
    """Prints lines of several hosts, whichever comes first, never two of them mixed up.

    Args:
        hosts: Their names, for the width and the colours.
        mask: Takes secrets out of all text.
    """

    def __init__(self, hosts: Sequence[str], mask: Callable[[str], str]) -> None:
        width = max((len(name) for name in hosts), default=0)
        self._prefixes = {name: f"{name}: ".ljust(width + 2) for name in hosts}
        self._colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(hosts)}
        self._mask = mask
        self._lock = threading.Lock()

    def show(self, host: str, line: str, *, error: bool = False) -> None:
        """Prints one line: on stderr when the host wrote it to its stderr."""
        stream = sys.stderr if error else sys.stdout
        prefix = self._prefixes[host]
        if has_colour(stream):
            prefix = click.style(prefix, fg=self._colours[host])
        with self._lock:
            stream.write(f"{prefix}{self._mask(line)}\n")
            stream.flush()

    @property
    def is_over(self) -> bool:
        """Whether nobody reads stdout any more."""
        return is_over(sys.stdout)


class Splitter:
    """Turns one host's chunks into lines; call it with `out` or `err` and bytes, then `close` it.

    Args:
        on_line: Gets each line without its end, and whether it's from stderr.
    """

    def __init__(self, on_line: Callable[[str, bool], None]) -> None:
        self._on_line = on_line
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("out", "err")}
        self._rests = {"out": "", "err": ""}

    def __call__(self, name: str, chunk: bytes) -> None:
        """Takes a chunk in."""
        text = self._rests[name] + self._decoders[name].decode(chunk)
        *lines, rest = text.split("\n")
        while len(rest) >= LINE:
            lines.append(rest[: LINE - 1] + CUT)
            rest = CUT + rest[LINE - 1 :]
        self._rests[name] = rest
        for line in lines:
            self._on_line(line.removesuffix("\r"), name == "err")

    def close(self) -> None:
        """Hands on what has no line end."""
        for name, rest in self._rests.items():
            text = rest + self._decoders[name].decode(b"", final=True)
            if text:
                self._on_line(text, name == "err")


class KeptOutput:
    """Keeps the end of one host's output, at most `KEPT` bytes of each stream."""

    def __init__(self) -> None:
        self._bytes = {"out": bytearray(), "err": bytearray()}
        self._is_cut = {"out": False, "err": False}

    def __call__(self, name: str, chunk: bytes) -> None:
        """Takes a chunk in."""
        self._bytes[name] += chunk
        if len(self._bytes[name]) > KEPT:
            del self._bytes[name][:-KEPT]
            self._is_cut[name] = True

    def text(self, name: str) -> str:
        """What was kept of `out` or `err`; `…` stands before it when that isn't all."""
        return (CUT if self._is_cut[name] else "") + self._bytes[name].decode("utf-8", "replace")
