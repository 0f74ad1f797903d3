"""Another run works on the same commit: waits for it, and takes its result for the own one."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.events import Emit, Notice
from cdconf.pipeline import commit_lock
from cdconf.pipeline.record import RunRecord, read_runs
from cdconf.pipeline.store_lease import about_of, holders, listed
from cdconf.promotion.saying import whoami

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.inventory import Project

PAUSE = 1.0  # seconds
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Joining:
    """A run that waits for another one.

    Attributes:
        place: The store.
        project: The project's name.
        commit: The commit's full id.
        now: Gives the store's time.
        emit: The event stream.
    """

    place: Backend
    project: str
    commit: str
    now: Callable[[], float]
    emit: Emit
    _joined: str | None = None

    def result(self) -> RunRecord | None:
        """The record of the run that was waited for, once that has come to a verdict."""
        if self._joined is None:
            return None
        runs = read_runs(self.place, self.project, self.now(), commit=self.commit)
        found = next((run for run in runs if run.id == self._joined), None)
        is_over = found is not None and found.ended is not None and found.ended.verdict != "interrupted"
        return found if is_over else None

    def wait(self) -> None:
        """Looks which run it is, and waits a moment. One that was interrupted isn't waited for: this one goes on."""
        runs = read_runs(self.place, self.project, self.now(), commit=self.commit)
        at_work = [run for run in runs if run.ended is None and run.began is not None]
        latest = max(at_work, key=lambda record: record.began.at if record.began else 0.0, default=None)
        if latest is not None and latest.id != self._joined:
            self._joined = latest.id
            who = latest.began.by if latest.began else "another run"
            text = f"{who} takes commit {self.commit[:10]} through the pipeline: its result is waited for"
            self.emit(Notice(text))
        time.sleep(PAUSE)


def holder_is_dead(place: Backend, key: str, home: Project, own: str) -> bool:
    """Whether whoever has a lease worked in this checkout, where it doesn't live any more.

    Args:
        place: The store.
        key: What the lease is about.
        home: The project in the directory that people work in.
        own: The commit whose lock this process has.
    """
    if key not in holders(listed(place, key)):
        return False
    about = about_of(place, key)
    commit = str(about.get("commit"))
    if any(about.get(name) != value for name, value in _place(home).items()):
        return False
    return commit == own or not commit_lock.is_held(home, commit)


def told_of(home: Project, commit: str, at: float) -> dict[str, object]:
    """What a run says of itself in its leases.

    Args:
        home: The project in the directory that people work in.
        commit: The commit's full id.
        at: The store's time.
    """
    return {"by": whoami(), "commit": commit, "at": round(at, 3), **_place(home)}


def _place(home: Project) -> dict[str, str]:
    """What tells the directory of a run's lock from all others.

    A directory that was copied has the id of its checkout, and a copied machine the name. Neither has the lock.
    """
    status = home.data.stat()
    boot = ""
    with contextlib.suppress(OSError):
        boot = _BOOT.read_text(encoding="ascii").strip()
    directory = f"{boot} {status.st_dev} {status.st_ino}"
    return {"machine": socket.gethostname(), "checkout": home.checkout, "directory": directory}
