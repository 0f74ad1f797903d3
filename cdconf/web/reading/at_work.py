"""Which runs of this checkout are at work: their process holds a lock for as long as it lives (see `run_events`)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cdconf.history.killed import killed_record
from cdconf.history.run_events import FOLDER, PART, read_events
from cdconf.own_files import opened_to_look

_MOST = 50


class UnfinishedRun(NamedTuple):
    """A run that has no end yet.

    Attributes:
        id: Its row's id.
        lives: Whether its process does; else it was killed, and nobody has written that down yet.
        said: When it said something last, in seconds since 1970.
        size: Bytes of what it has told.
    """

    id: str
    lives: bool
    said: float
    size: int


def at_work(data: Path) -> list[UnfinishedRun]:
    """The runs that have no end, the newest first.

    Args:
        data: The project's `.cdconf/`.
    """
    found = []
    for path in sorted((data / FOLDER).glob(f"[!.]*{PART}"), reverse=True)[:_MOST]:
        try:
            with os.fdopen(opened_to_look(path), "rb") as stream:
                status = os.fstat(stream.fileno())
                lives = _is_locked(stream.fileno())
        except OSError:
            continue
        found.append(UnfinishedRun(path.stem, lives, status.st_mtime, status.st_size))
    return found


def _is_locked(descriptor: int) -> bool:
    """A shared lock is given back at once; nobody who looks for dead runs misses one by that for long."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def row_of(data: Path, run: UnfinishedRun) -> dict[str, Any]:
    """A run that has no end, as a row of the history has it."""
    return as_row(run, read_events(data, run.id))


def as_row(run: UnfinishedRun, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same, of its events; pure."""
    empty: dict[str, Any] = {"environment": None, "app": None, "version": None, "user": None, "artifact": None}
    empty |= {"commit": None, "controller": None, "detail": None, "events": []}
    row = empty | killed_record(run.id, events)
    row |= {"ordered_at": row["started_at"], "said_at": run.said, "lives": run.lives}
    if run.lives:
        row |= {"source": "running", "error": None, "duration_s": None}
    return row
