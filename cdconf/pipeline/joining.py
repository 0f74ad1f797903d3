"""Another run works on the same commit: waits for it, and takes its result for the own one."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.events import Emit, Notice
from cdconf.pipeline import commit_lock
from cdconf.pipeline.record import RunRecord, read_runs
from cdconf.pipeline.store_lease import about_of, holders, listed

if TYPE_CHECKING:
    from cdconf.artifacts.places import Place
    from cdconf.inventory import Project

PAUSE = 1.0  # seconds


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

    place: Place
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
        found = next((one for one in runs if one.id == self._joined), None)
        is_over = found is not None and found.ended is not None and found.ended.verdict != "interrupted"
        return found if is_over else None

    def wait(self) -> None:
        """Looks which run it is, and waits a moment. One that was interrupted isn't waited for: this one goes on."""
        runs = read_runs(self.place, self.project, self.now(), commit=self.commit)
        at_work = [one for one in runs if one.ended is None and one.began is not None]
        latest = max(at_work, key=lambda one: one.began.at if one.began else 0.0, default=None)
        if latest is not None and latest.id != self._joined:
            self._joined = latest.id
            who = latest.began.by if latest.began else "another run"
            text = f"{who} takes commit {self.commit[:10]} through the pipeline: its result is waited for"
            self.emit(Notice(text))
        time.sleep(PAUSE)


def holder_is_dead(place: Place, key: str, home: Project, own: str) -> bool:
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
    if (about.get("machine"), about.get("checkout")) != (machine(), home.checkout):
        return False
    return commit == own or not commit_lock.is_held(home, commit)


def machine() -> str:
    """What tells this machine from others."""
    return socket.gethostname()
