"""Only one run of a checkout at a time makes or removes an environment's hosts.

Hosts have leases, but there's none to take while a host isn't there yet, or is just going. The hold is a lock on
`.cdconf/holds/ENV`, which the kernel gives back when its run dies; the file says who has it, for whoever has to wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from cdconf.engine import RunIdentity
from cdconf.errors import LeaseHeld, ProviderError
from cdconf.events import Step
from cdconf.own_files import opened_lock, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdconf.events import Emit
    from cdconf.inventory import Project

_PAUSE = 0.1  # seconds
_WRITES = 1.0  # seconds that whoever has just got it may take to say who it is


class Occupied(LeaseHeld):
    """Another run of this checkout is making or removing the environment's hosts; `reason` is what it does."""

    def __init__(self, name: str, holder: str) -> None:
        self.reason, _, owner = holder.strip().partition("\n")
        super().__init__(f"{name} is held by {owner or 'another run'} ({self.reason or 'at its hosts'})")


@contextlib.contextmanager
def hold(project: Project, name: str, reason: str, wait: Emit | None = None) -> Iterator[None]:
    """Keeps other runs of this checkout from making or removing an environment's hosts until the block ends.

    Args:
        project: The project.
        name: The environment's.
        reason: What it's for, in a word or two; others are told.
        wait: Who hears that it takes a while, because another run has it; None: don't wait.

    Raises:
        Occupied: Another run has it, and it isn't waited for.
    """
    folder = project.data / "holds"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name
    descriptor = _lock(path, name, wait)
    try:
        text = f"{reason}\n{RunIdentity(reason).owner}\n".encode()
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        return opened_lock(path)
    except OSError as error:
        hint = "move it away: it only says which run is at an environment's hosts"
        raise ProviderError(f"can't lock {path}: {reason(error)}", hint=hint) from error


def _lock(path: Path, name: str, wait: Emit | None) -> int:
    told = False
    deadline = time.monotonic() + _WRITES
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)  # whoever had it has just removed it, and someone else may have the next one
            continue
        except BlockingIOError:
            holder = os.pread(descriptor, 1000, 0).decode("utf-8", "replace")
            os.close(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        is_known = bool(holder) or time.monotonic() > deadline
        if wait is None and is_known:
            raise Occupied(name, holder)
        if wait is not None and is_known and not told:
            wait(Step(f"waiting: {Occupied(name, holder).message}"))
            told = True
        time.sleep(_PAUSE)
