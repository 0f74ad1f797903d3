"""Runs a stage's own command: in the commit's files, as somebody who has no keys, no longer than it may take.

It's the commit's own code, so it's isolated as builds and smoke tests are. Whatever it leaves running ends with it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.build import export
from cdconf.errors import CommandFailed
from cdconf.events import Emit, OwnCodeRan, Printed
from cdconf.isolation import Account, account
from cdconf.isolation.group import end_group
from cdconf.no_code import check_code

if TYPE_CHECKING:
    from cdconf.inventory.pipeline import Stage

LONGEST_LINE = 8192  # bytes; what's longer is shown in pieces
LAST_LINES = 30
_HINT = (
    "it ran as another user, in the commit's files, without your own files and variables: CDCONF_PASS_VARIABLES names "
    "variables that it gets"
)
_PIECE = 65536  # bytes, as many as a pipe holds


@dataclass(frozen=True)
class StageCommandResult:
    """How a command ended that was green; red ones are errors.

    Attributes:
        isolated: Whether it couldn't reach any key.
        duration_s: How long it took.
    """

    isolated: bool
    duration_s: float


def run_command(root: Path, commit: str, stage: Stage, variables: Mapping[str, str], emit: Emit) -> StageCommandResult:
    """Runs the stage's command.

    Args:
        root: The project, in git.
        commit: The commit whose files it's run in.
        stage: The stage; it has a command.
        variables: What it gets besides those that tools are known to need.
        emit: Gets each line, and at the end whether it was isolated.

    Raises:
        CommandFailed: It's red.
        CdconfError: It couldn't be run.
    """
    check_code(f"the command of stage '{stage.name}'", line=stage.line)
    began = time.monotonic()
    last: deque[str] = deque(maxlen=LAST_LINES)

    def show(line: str) -> None:
        last.append(line)
        emit(Printed(line))

    with account(f"stage-{stage.name}", [root]) as somebody:
        folder = somebody.home / "tree"
        export(root, commit, folder, emit)
        somebody.give(folder)
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"  # the Python that runs cdconf comes first
        given = {"PATH": path, "CDCONF_STAGE": stage.name, "CDCONF_COMMIT": commit, **variables}
        status = _finished(somebody, str(stage.run), folder, given, show, stage.within)
    emit(OwnCodeRan(f"the command of stage '{stage.name}'", somebody.isolated))
    if status == 0:
        return StageCommandResult(somebody.isolated, round(time.monotonic() - began, 3))
    raise CommandFailed(
        f"`{stage.run}` of stage '{stage.name}' {_how(status, stage.within)}",
        file="cdconf.yml",
        line=stage.line,
        hint=_HINT if somebody.isolated and status in (126, 127) else None,
        detail="\n".join(last),
    )


def _how(status: int | None, within: float) -> str:
    if status is None:
        return f"was still running after {within:g} s (`within`), and was ended"
    return f"was ended by signal {-status}" if status < 0 else f"failed with exit status {status}"


def _finished(
    somebody: Account, line: str, folder: Path, variables: Mapping[str, str], show: Callable[[str], None], within: float
) -> int | None:
    """Its exit status; None when it took too long. Nothing of it runs any more."""
    reading, writing = os.pipe()
    try:
        somebody.lend(writing)
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": writing, "stderr": subprocess.STDOUT}
        process = somebody.start(["/bin/sh", "-c", line], folder, variables, **options)
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    deadline = time.monotonic() + within
    try:
        for piece in _lines(reading, process, deadline):
            show(piece)
        return process.poll()
    finally:
        end_group(process)
        somebody.end()
        if somebody.guard is not None:  # unlike a build's daemons, what a stage leaves doesn't go on
            somebody.guard.end()
        os.close(reading)


def _lines(reading: int, process: subprocess.Popen[Any], deadline: float) -> Iterator[str]:
    """What's printed until the command has ended, or its time is over; what it left behind may go on printing."""
    rest = b""
    left = _PIECE  # bytes that are read after its end: what it has printed itself is among them
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while left > 0 and time.monotonic() < deadline:
            ended = process.poll() is not None
            data = os.read(reading, _PIECE) if selector.select(0 if ended else 0.1) else None
            if not data:
                if ended:
                    break
                if data == b"":  # it has closed its output, and goes on
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(max(0.0, deadline - time.monotonic()))
                    break
                continue
            left -= len(data) if ended else 0
            *whole, rest = (rest + data).split(b"\n")
            yield from (_text(piece) for one in whole for piece in _pieces(one))
            *long, rest = _pieces(rest)
            yield from (_text(one) for one in long)
    if rest:
        yield _text(rest)


def _pieces(line: bytes) -> list[bytes]:
    """A line that's too long in pieces, cut at blanks where it has some: half a secret couldn't be masked."""
    found = []
    while len(line) > LONGEST_LINE:
        end = line.rfind(b" ", 1, LONGEST_LINE)
        end = end if end > 0 else LONGEST_LINE
        found.append(line[:end])
        line = line[end:]
    return [*found, line]


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
