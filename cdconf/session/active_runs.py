"""The runs of this checkout that are at work: a file each, which its process keeps locked for as long as it lives.

A lease tells its holder's process only by a number that another process, or another machine, may have too. A lock tells
for sure: it ends with its process, however that ends. What a run that was killed leaves is a file that isn't locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.own_files import opened_to_look, read_json

if TYPE_CHECKING:
    from cdconf.session.answers import LeaseState

FOLDER = "runs"
_LATEST = 1e11  # seconds since 1970
KEPT = 7 * 24 * 3600.0  # seconds for which a killed run's file stays


class ActiveRunLock:
    """The sign that a run is at work; it's there until `end`, or until the process ends.

    Args:
        data: The project's `.cdconf/`.
        run: The id by which hosts know the run.
        about: What others are told of it.
    """

    def __init__(self, data: Path, run: str, about: dict[str, Any]) -> None:
        folder = data / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        _tidy(folder)
        self._path = folder / run
        draft = folder / f".{run}"
        self._descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.write(self._descriptor, json.dumps(about).encode())
        draft.rename(self._path)  # locked already: whoever finds it finds it locked

    def end(self) -> None:
        """The run has ended, and said how."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _tidy(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT and _is_dead(path):
                path.unlink()


def _is_dead(path: Path) -> bool:
    """Whether a run's process has ended without an end of the run; False for one that isn't known here."""
    try:
        with os.fdopen(opened_to_look(path), "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return path.exists()  # else it has ended in order meanwhile
    except OSError:
        return False


def dead_of(data: Path, runs: Iterable[str]) -> list[str]:
    """Of these runs, those that were begun in this checkout and whose process was killed."""
    return [run for run in runs if "/" not in run and _is_dead(data / FOLDER / run)]


def killed(data: Path) -> dict[str, dict[str, Any]]:
    """All runs of this checkout that were killed in the last days: run -> what it said of itself."""
    found = {}
    for path in sorted((data / FOLDER).glob("[!.]*")):
        if _is_dead(path):
            with contextlib.suppress(OSError, ValueError):
                found[path.name] = _about(read_json(path))
    return found


def _about(told: Any) -> dict[str, Any]:
    """What a run says of itself; raises `ValueError` where it says anything else."""
    wanted: dict[str, tuple[type, ...]]
    wanted = {"command": (str,), "environment": (str, type(None)), "started_at": (int, float)}
    if not isinstance(told, dict) or not all(type(told.get(name, ())) in kinds for name, kinds in wanted.items()):
        raise ValueError("it doesn't say which run it was")
    if not 0 <= told["started_at"] < _LATEST:
        raise ValueError("it doesn't say when it began")
    return told


def forget(data: Path, run: str) -> None:
    """A killed run is known by other means now."""
    (data / FOLDER / run).unlink(missing_ok=True)


def told(lease: LeaseState | None, data: Path) -> LeaseState | None:
    """A lease, with `dead`: those of its runs whose process was killed on this machine."""
    if lease is None:
        return None
    runs = [lease["run"], *(inner["run"] for inner in lease.get("inner", ()))]
    dead = dead_of(data, runs)
    return {**lease, "dead": dead} if dead else lease
