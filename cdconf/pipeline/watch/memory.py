"""What a watch remembers from one start to the next, and that there's one watch at a time in a checkout.

.cdconf/watch/lock          locked while a watch lives; says who watches what
.cdconf/watch/BRANCH.json   which of a branch's commits were seen, are due, are held
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.atomic import write_private
from cdconf.errors import CdconfError, GateClosed
from cdconf.events import Emit, Notice
from cdconf.file_lock import take
from cdconf.own_files import opened_lock, read_json, reason
from cdconf.pipeline.watch.progress import WatchProgress, as_data, from_data
from cdconf.promotion.saying import whoami

if TYPE_CHECKING:
    from cdconf.pipeline.watch.branch import Branch

FOLDER = "watch"
_LARGEST = 4096  # bytes of what the lock says


class BranchMemory:
    """Of one branch.

    Args:
        data: The project's `.cdconf/`.
        branch: The branch.
        emit: Gets a warning of a file that can't be read.
    """

    def __init__(self, data: Path, branch: Branch, emit: Emit) -> None:
        self._path = data / FOLDER / f"{branch.key}.json"
        self._shown = branch.shown
        self._emit = emit

    def load(self) -> WatchProgress:
        """What's remembered; nothing, when this branch was never watched here."""
        try:
            return from_data(read_json(self._path))
        except FileNotFoundError:
            return WatchProgress()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            begins = f"watching {self._shown} begins anew with its newest commit"
            text = f"{self._path} can't be read ({reason(error)}): {begins}"
            self._emit(Notice(text, warning=True))
            return WatchProgress()

    def save(self, progress: WatchProgress) -> None:
        """Writes it down, before anything is done by it; raises `CdconfError` where that's impossible."""
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(self._path, json.dumps({"branch": self._shown, **as_data(progress)}, indent=1) + "\n")
        except OSError as error:
            raise CdconfError(f"what was seen of {self._shown} can't be written to {self._path}: {error}") from error


@contextmanager
def alone(data: Path, branch: Branch) -> Iterator[None]:
    """Holds the checkout for one watch.

    Raises:
        CdconfError: Nothing can be written there.
        GateClosed: Another one has it.
    """
    folder = data / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = opened_lock(folder / "lock")
    except OSError as error:
        raise CdconfError(f"can't lock this checkout for a watch: {folder / 'lock'}: {reason(error)}") from error
    try:
        if not take(descriptor):
            raise GateClosed(
                f"this checkout is watched already: {_told(descriptor)}",
                hint="end that one first, or watch from a clone of its own",
            )
        about = {"by": whoami(), "pid": os.getpid(), "branch": branch.shown, "since": time.time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(about).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _told(descriptor: int) -> str:
    about: Any = None
    with contextlib.suppress(OSError, ValueError):
        about = json.loads(os.pread(descriptor, _LARGEST, 0))
    try:
        since = datetime.fromtimestamp(about["since"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"{about['branch']}, by {about['by']}, process {about['pid']}, since {since}"
    except (TypeError, KeyError, ValueError, OverflowError, OSError, RecursionError):
        return "by a process that hasn't said yet who it is"
