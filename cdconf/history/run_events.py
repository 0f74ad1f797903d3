"""What a run tells while it goes on: a file each, of JSON lines, which `history show RUN` replays.

.cdconf/events/ID.part     of a run that's at work: its process keeps it locked for as long as it lives
.cdconf/events/ID.jsonl    of one that has ended, and whose line stands in the journal

A lock ends with its process, however that ends. So a file that isn't locked and has no end is a killed run's (`gone`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cdconf.own_files import opened_to_look, parsed

FOLDER = "events"
SUFFIX, PART = ".jsonl", ".part"
CHATTER = ("host_step", "printed")  # events of which there may be very many, and that say little later
_MOST_CHATTER, _MOST = 64 * 1024, 512 * 1024  # bytes of a file
LARGEST = 2 * _MOST  # bytes that are read of one
KEPT = 1000  # files of runs that have ended


class RunEventWriter:
    """Writes down what a run tells. An error of the disk ends that, and never the run.

    Args:
        data: The project's `.cdconf/`.
        identifier: The run's row in the history.
        about: What's known of the run when it begins.
    """

    def __init__(self, data: Path, identifier: str, about: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self._sizes = {True: 0, False: 0}
        self._left_out = 0
        self._path = data / FOLDER / f"{identifier}{PART}"
        self._descriptor = -1
        with contextlib.suppress(OSError):
            (data / FOLDER).mkdir(mode=0o700, exist_ok=True)
            draft = self._path.with_name(f".{identifier}")
            self._descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self.tell({"event": "began", **about})
            draft.rename(self._path)  # locked already: whoever finds it finds it locked

    def tell(self, event: Mapping[str, Any]) -> None:
        """Writes an event down, with the time; what's too much is counted."""
        line = json.dumps({"at": round(time.time(), 3), **event}).encode() + b"\n"
        is_chatter = event["event"] in CHATTER
        with self._lock:
            if self._sizes[is_chatter] + len(line) > (_MOST_CHATTER if is_chatter else _MOST):
                self._left_out += 1
                return
            self._sizes[is_chatter] += len(line)
            self._write(line)

    def _write(self, line: bytes) -> None:
        if self._descriptor >= 0:
            try:
                os.write(self._descriptor, line)
            except OSError:
                self._close()

    def end(self) -> None:
        """The run has ended, and its line stands in the journal."""
        with self._lock:
            if self._left_out:
                self._write(json.dumps({"at": time.time(), "event": "left_out", "count": self._left_out}).encode())
            with contextlib.suppress(OSError):
                self._path.rename(self._path.with_suffix(SUFFIX))
                _tidy(self._path.parent)
            self._close()

    def forget(self) -> None:
        """The run is none that the history remembers."""
        with self._lock:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


def _tidy(folder: Path) -> None:
    """Removes the oldest files; names begin with the time."""
    files = sorted(folder.glob(f"[!.]*{SUFFIX}"))
    for file in files[: -KEPT if len(files) > KEPT + KEPT // 5 else 0]:
        file.unlink(missing_ok=True)


def gone(data: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Runs whose process has ended without an end of the run: `(row's id, its events)` each.

    Each is locked until the next one is asked for, and is then taken for known: of several that look, one says it.

    Args:
        data: The project's `.cdconf/`.
    """
    for path in sorted((data / FOLDER).glob(f"[!.]*{PART}")):
        try:
            with os.fdopen(opened_to_look(path), "rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not path.exists():  # it has ended in order meanwhile, or somebody else has said it
                    continue
                yield path.stem, _events(stream.read(LARGEST))
                path.rename(path.with_suffix(SUFFIX))
        except OSError:  # locked: it's at work
            continue


def read_events(data: Path, identifier: str) -> list[dict[str, Any]]:
    """The events of a run; none where nothing was written down, or it's gone.

    Args:
        data: The project's `.cdconf/`.
        identifier: The run's row.
    """
    if "/" in identifier or identifier.startswith("."):
        return []
    for suffix in (SUFFIX, PART):
        with contextlib.suppress(OSError, ValueError):
            path = data / FOLDER / f"{identifier}{suffix}"
            with os.fdopen(opened_to_look(path), "rb") as stream:
                return _events(stream.read(LARGEST))
    return []


def _events(text: bytes) -> list[dict[str, Any]]:
    return [one for line in text.split(b"\n") if (one := _event(line)) is not None]


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        found = parsed(line, odd=True)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("event"), str) else None
