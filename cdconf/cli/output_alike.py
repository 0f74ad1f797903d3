"""What a command on many hosts prints, at a terminal: equal output once, with the hosts that printed it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import click

from cdconf.cli.show.host_output import LinePrinter
from cdconf.render.grouped import ABOVE
from cdconf.render.host_names import named
from cdconf.render.style import has_colour
from cdconf.render.words import shown

KEPT = 256 * 1024  # characters of one host's output that wait; with more, its lines come as they're printed


class Show(Protocol):
    """Takes one line of a host, from its stderr if `error`."""

    def __call__(self, host: str, line: str, *, error: bool = False) -> None: ...


@contextlib.contextmanager
def showing(hosts: Sequence[str], mask: Callable[[str], str], *, every: bool) -> Iterator[Show]:
    """Gives what takes the hosts' lines; by the end of the context all of them are shown.

    Args:
        hosts: The names of all hosts.
        mask: Takes secrets out of all text.
        every: Whether each host's lines are to be shown as they come, however many hosts there are.
    """
    lines = LinePrinter(hosts, mask)
    if every or len(hosts) <= ABOVE or not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield lines.show
        return
    alike = _Alike(hosts, lines, mask)
    try:
        yield alike.show
    finally:
        alike.end()


class _Alike:
    def __init__(self, hosts: Sequence[str], lines: LinePrinter, mask: Callable[[str], str]) -> None:
        self._hosts = hosts
        self._lines = lines
        self._mask = mask
        self._lock = threading.Lock()
        self._kept: dict[str, list[tuple[str, bool]]] = {name: [] for name in hosts}
        self._sizes = dict.fromkeys(hosts, 0)

    def show(self, host: str, line: str, *, error: bool = False) -> None:
        with self._lock:
            self._sizes[host] += len(line) + 1
            kept = self._kept[host]
            kept.append((line, error))
            if self._sizes[host] > KEPT:
                for text, was_error in kept:
                    self._lines.show(host, text, error=was_error)
                kept.clear()

    def end(self) -> None:
        """Shows what's kept, the output of most hosts first."""
        with self._lock:
            groups: dict[tuple[tuple[str, bool], ...], list[str]] = {}
            for host, kept in self._kept.items():
                if kept:
                    groups.setdefault(tuple(kept), []).append(host)
            for lines, hosts in sorted(groups.items(), key=lambda group: -len(group[1])):
                self._tell(lines, hosts)

    def _tell(self, lines: Sequence[tuple[str, bool]], hosts: Sequence[str]) -> None:
        head = f"{shown(named(hosts, self._hosts, every=True))}:"
        sys.stdout.write((click.style(head, bold=True) if has_colour(sys.stdout) else head) + "\n")
        sys.stdout.flush()
        for line, error in lines:
            stream = sys.stderr if error else sys.stdout
            stream.write(f"    {self._mask(line)}\n")
            stream.flush()  # both are one terminal
