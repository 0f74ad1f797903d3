"""Runs a command on this machine while hosts are held for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from cdconf.errors import CdconfError, Terminated, TerminateSignal, Unreachable
from cdconf.events import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.cli.context import Run
    from cdconf.engine import Fleet

LOOK = 5.0  # seconds between two looks at the leases


def run_held(run: Run, fleet: Fleet, words: Sequence[str]) -> int:
    """Runs a command line with the fleet's leases lent to it; returns its exit code as a shell tells it.

    Ctrl-C is the command's to handle, as SIGTERM is, which it gets too; either way it's waited for, since what it does
    is done within these leases. A second SIGTERM kills it.

    Raises:
        CdconfError: The command can't be started; a host's lease was lost while it ran.
        Terminated: SIGTERM, after the command has ended.
    """
    arguments = ["/bin/sh", "-c", words[0]] if len(words) == 1 else list(words)
    output = sys.stderr.fileno() if run.flags.as_json else None
    # A function, not SIG_IGN: the command would inherit that.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        with subprocess.Popen(arguments, env={**os.environ, **fleet.lend()}, stdout=output) as process:
            lost, terminated = _wait(run, fleet, process)
    except (FileNotFoundError, PermissionError) as error:
        raise CdconfError(f"'{words[0]}' can't be started: {error.strerror}") from error
    finally:
        signal.signal(signal.SIGINT, before)
    if terminated:
        raise Terminated("terminated: the command has ended")
    status: int = process.returncode
    if lost and not status:
        name, why = next(iter(lost.items()))
        kind = Unreachable if isinstance(why, Unreachable) else CdconfError
        raise kind(f"the lease was lost while the command ran: {why.message}", host=name, hint=why.hint)
    return status if status >= 0 else 128 - status


def _wait(run: Run, fleet: Fleet, process: subprocess.Popen[bytes]) -> tuple[dict[str, CdconfError], bool]:
    """Until the command has ended: (hosts whose lease was lost, whether SIGTERM came)."""
    lost: dict[str, CdconfError] = {}
    terminated = False
    while process.poll() is None:
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=LOOK)
                break
            _look(run, fleet, lost)
        except (TerminateSignal, Terminated):  # the second is the first, when it strikes while hosts are asked
            process.send_signal(signal.SIGKILL if terminated else signal.SIGTERM)
            terminated = True
            fleet.resume()
    return lost, terminated


def _look(run: Run, fleet: Fleet, lost: dict[str, CdconfError]) -> None:
    held = [session.host for name, session in list(fleet.sessions.items()) if name not in lost]
    _, errors = fleet.each(held, lambda session: session.check_lease()).split()
    for name, error in errors.items():
        run.emit(Notice(f"{name}: {error.message}: cdconf will be refused there", warning=True))
        lost[name] = error
