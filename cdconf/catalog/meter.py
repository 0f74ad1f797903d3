"""Measures texts while they're rendered: in the rendering process, by timers and limits that are the kernel's.

A timer that runs out ends the process, also in the middle of a regular expression or of a number with a million
digits, where Python handles no signal. What was at work then stands in memory that both processes share, and in a file
that both have open.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import resource
import signal
import time
from pathlib import Path
from typing import IO

from cdconf.catalog.limits import MEMORY, SECONDS, SECONDS_IN_ALL
from cdconf.errors import CdconfError, TemplateError

Place = tuple[str, int]
NAMED = 4096  # bytes of memory that name the text at work; as many behind them name the template in it
SHARED = 2 * NAMED
OVER, NEARLY_OVER = signal.SIGPROF, signal.SIGVTALRM
NEARLY, ROUND = 0.8, 0.02  # of a text's time: from when on, and how often, it's noted where the text is
ENDED = b"the text has ended\n"  # what's noted above isn't about the one at work


class Unmeasured:
    """Measures nothing: what tests render in their own process."""

    def begin(self, file: str, line: int) -> Place | None:
        """A text begins, at its place in the project; returns what `end` wants."""
        return None

    def end(self, outer: Place | None) -> None:
        """A text was rendered."""

    def reached(self, place: Place | None) -> None:
        """A template's line is at work from now on, for as long as no stack tells more; None for no template."""

    def knows(self, file: str) -> bool:
        """Whether a template's lines are known, or nobody wants them: to find them out costs more than a render."""
        return True

    def compiled(self, file: str, lines: list[tuple[int, int]]) -> None:
        """A template was compiled; `lines` are its own, each with the line of Python that it became."""

    def refuse(self, place: Place, message: str) -> None:
        """A text has taken too much: it isn't rendered again for the next host."""


class Meter(Unmeasured):
    """See the module. One thread renders.

    Args:
        shared: Gets the place of the text at work, whose last byte tells whether the time is that of all texts of a
            host; then that of the template at work.
        trace: Gets the lines of templates, and those that were at work when a timer ran out, or had nearly.
        refused: Texts that have taken too much before, and what's to be said of each.
    """

    def __init__(self, shared: mmap.mmap, trace: IO[bytes], refused: dict[Place, str]) -> None:
        self._shared = shared
        self._trace = trace
        self._refused = refused
        self._at: Place | None = None
        self._reached: Place | None = None
        self._around: list[Place | None] = []
        self._compiled: set[str] = set()
        self._named: dict[Place, bytes] = {}
        self._until = 0.0

    def start(self) -> None:
        """Sets what's the same for all texts: the memory, and what happens when a timer runs out."""
        for number in (OVER, NEARLY_OVER):
            signal.signal(number, signal.SIG_DFL)
            faulthandler.register(number, file=self._trace, all_threads=False, chain=number == OVER)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with contextlib.suppress(OSError):  # there's no /proc elsewhere than on Linux
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            limit = pages * mmap.PAGESIZE + MEMORY
            if hard == resource.RLIM_INFINITY or limit < hard:
                resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
            # When the whole machine is out of memory, the kernel takes this process, not the run.
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")

    def without_memory(self) -> CdconfError:
        """The error for texts that each take little, and too much memory together."""
        message = f"the texts of one host take more than {MEMORY >> 20} MiB of memory; this was the last"
        place = place_of(self._shared)
        return too_much(message, place) if place is not None else CdconfError(message.partition(";")[0])

    def begin_host(self) -> None:
        """All texts of one host begin."""
        self._at = None
        self._around.clear()
        self.reached(None)
        self._shared[0] = 0
        self._until = time.process_time() + SECONDS_IN_ALL
        self._give(SECONDS_IN_ALL)

    def end_host(self) -> None:
        """All texts of one host are rendered, or one has failed."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self._shared[0] = 0

    def begin(self, file: str, line: int) -> Place | None:
        outer, self._at = self._at, (file, line)
        if self._refused and self._at in self._refused:
            message, self._at = self._refused[self._at], outer
            raise too_much(message, (file, line))
        self._name(self._at)
        self._around.append(self._reached)
        if self._reached is not None:
            self.reached(None)
        if outer is None:
            # Between two pieces of its text, a template is on no stack: so it's also noted where it was just before.
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS * NEARLY, SECONDS * ROUND)
            self._give(SECONDS)
        return outer

    def end(self, outer: Place | None) -> None:
        self._at = outer
        before = self._around.pop() if self._around else None
        if before != self._reached:
            self.reached(before)
        if outer is not None:
            self._name(outer)
            return
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if self._give(SECONDS_IN_ALL) < SECONDS * (1 - NEARLY):
            self._trace.write(ENDED)
            self._trace.flush()

    def _give(self, seconds: float) -> float:
        """Sets the timer that ends the process, to no more than the host has left; returns what it had left."""
        left = max(self._until - time.process_time(), 0.001)
        self._shared[NAMED - 1] = left < seconds or seconds == SECONDS_IN_ALL
        return signal.setitimer(signal.ITIMER_PROF, min(seconds, left))[0]

    def _name(self, place: Place) -> None:
        data = self._named.get(place)
        if data is None:
            data = self._named[place] = _written(place)
        self._shared[: len(data)] = data

    def reached(self, place: Place | None) -> None:
        self._reached = place
        data = b"\0" if place is None else _written(place)
        self._shared[NAMED : NAMED + len(data)] = data

    def knows(self, file: str) -> bool:
        return file in self._compiled

    def compiled(self, file: str, lines: list[tuple[int, int]]) -> None:
        self._compiled.add(file)
        pairs = " ".join(f"{theirs}={own}" for theirs, own in lines)
        self._trace.write(f"{file}\t{pairs}\n".encode())
        self._trace.flush()

    def refuse(self, place: Place, message: str) -> None:
        self._refused[place] = message


def place_of(shared: mmap.mmap) -> Place | None:
    """The text that was at work; None when there was none."""
    return _read(shared[:NAMED])


def template_of(shared: mmap.mmap) -> Place | None:
    """The template that was at work in it, and the last line that it's known to have reached; None without one."""
    return _read(shared[NAMED:])


def _written(place: Place) -> bytes:
    return f"{place[1]} {place[0]}".encode()[: NAMED - 2] + b"\0"


def _read(data: bytes) -> Place | None:
    line, _, file = data.partition(b"\0")[0].decode("utf-8", "replace").partition(" ")
    return (file, int(line)) if line.isdigit() else None


def is_of_all(shared: mmap.mmap) -> bool:
    """Whether the time that was given is what the texts of a host had left, not that of one text."""
    return bool(shared[NAMED - 1])


def too_much(message: str, place: Place) -> TemplateError:
    """The error for a text that takes more than a text may."""
    hint = "such a text is mostly a slip: look for loops in loops, for a pattern that backtracks, or for what doubles"
    return TemplateError(message, file=place[0], line=place[1], hint=hint)
