"""Why a rendering process has ended, and where it was: read from what it has left."""

from __future__ import annotations

import os
import re
import signal
from typing import IO

from cdconf.catalog.limits import SECONDS, SECONDS_IN_ALL
from cdconf.catalog.meter import ENDED, OVER, Place, too_much
from cdconf.errors import CdconfError, TemplateError

_STACK = "Stack (most recent call first):\n"
_FRAME = re.compile(r'  File "((?:roles|templates)/[^"]*)", line (\d+)')


def innermost(trace: IO[bytes]) -> Place | None:
    """The innermost template and its line, of those that were at work; None when that was no template.

    The last stack may be one between two pieces of the text, with no template: the one before it tells then.
    """
    trace.seek(0)
    text = trace.read().decode("utf-8", "replace")
    stacks = text.rpartition(ENDED.decode())[2].split(_STACK)[1:]
    found = next(filter(None, map(_FRAME.search, reversed(stacks))), None)
    if found is None:
        return None
    file, python = found[1], int(found[2])
    line = 1
    for one in text.splitlines():
        name, tab, pairs = one.partition("\t")
        if tab and name == file:
            known = [(int(own), int(theirs)) for theirs, _, own in (pair.partition("=") for pair in pairs.split())]
            first = min(known, default=(0, 1))  # what's above it prepares the template
            line = max((pair for pair in known if pair[0] <= python), default=first)[1]
    return file, line


def why(status: int, asked: Place | None, inner: Place | None, *, of_all: bool) -> CdconfError:
    """The error for a process that has ended while it rendered.

    Args:
        status: What `os.waitpid` gives.
        asked: The text that was at work, where it's asked for.
        inner: The template and line that was at work in it, if it's known.
        of_all: The time that it had was what's left of that of all texts of a host.
    """
    place = inner or asked
    code = os.waitstatus_to_exitcode(status)
    if code == -OVER and place is not None and not of_all:
        return too_much(f"this takes more than {SECONDS} s of processor time", place)
    if code == -OVER:
        message = f"the texts of one host take more than {SECONDS_IN_ALL} s of processor time; this was the last"
        return too_much(message, place) if place is not None else CdconfError(message.partition(";")[0])
    if code == -signal.SIGKILL:
        message = "the process that renders was killed, most likely since the machine has no memory left"
    else:
        message = f"the process that renders has ended by itself ({_named(code)})"
    if place is None:
        return CdconfError(message)
    return TemplateError(message, file=place[0], line=place[1], hint="this text was at work then: does it take much?")


def _named(code: int) -> str:
    try:
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"
    except ValueError:
        return f"signal {-code}"
