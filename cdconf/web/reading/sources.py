"""All that pages are made of, and whether it's other than it was."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError
from cdconf.events import Notice
from cdconf.history.database import FILE as INDEX
from cdconf.history.journal_file import FILE as JOURNAL
from cdconf.inventory import load_environment
from cdconf.web.reading.at_work import UnfinishedRun, at_work, row_of
from cdconf.web.reading.host_look import asking
from cdconf.web.reading.kept import AnswerCache
from cdconf.web.reading.looking import Looks
from cdconf.web.reading.project import files_of, look_at
from cdconf.web.reading.snapshot import Snapshot, StoreIndex, opened

if TYPE_CHECKING:
    from cdconf.events import Event
    from cdconf.history.index import History
    from cdconf.inventory import Environment, Project

COPIED_AFTER = 30.0  # seconds: how often the checkout's index is copied anew at most
STORE_AFTER, BUCKET_AFTER = 5.0, 60.0  # seconds: how often the artifact store and a team's database are looked at
_MOST_NOTICES = 20


class Sources:
    """What the dashboard reads.

    Args:
        root: The project's directory.
        folder: The dashboard's own directory.

    Raises:
        CdconfError: The project or its history can't be read.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._project = look_at(root)
        self._files = self._stamps()
        self._generation = 0
        self._history: Snapshot | Any = opened(self._project, self._fresh_folder())
        self._copied = time.monotonic()
        self._index = _stamp(self._project.data / INDEX)
        self._store: History = self._history if isinstance(self._history, Snapshot) else self._store_index()
        self._version: tuple[object, ...] = ()
        self._content: tuple[object, ...] = ()  # the same without runs that are at work: each word of them is read anew
        self._elsewhere_at = float("-inf")
        self._elsewhere: object = None
        self.notices: list[str] = []
        self.kept = AnswerCache(lambda: self._content)
        self._answers = 0
        self._rows: dict[UnfinishedRun, dict[str, Any]] = {}
        self.looks = Looks(asking(self, folder), self._answered)
        self.refresh()

    def _fresh_folder(self) -> Path:
        self._generation += 1
        fresh = self._folder / f"history-{self._generation}"
        fresh.mkdir(mode=0o700)
        return fresh

    def _store_index(self) -> StoreIndex:
        folder = self._folder / "store"
        folder.mkdir(mode=0o700, exist_ok=True)
        return StoreIndex(self._project, folder)

    @property
    def project(self) -> Project:
        """The project, as its file says now."""
        return self._project

    @property
    def history(self) -> History:
        """The history, only to be read."""
        found: History = self._history
        return found

    @property
    def store(self) -> History:
        """Where what the artifact store says is indexed."""
        return self._store

    @property
    def version(self) -> tuple[object, ...]:
        """Another one whenever something has changed."""
        return self._version

    def environment(self, name: str) -> Environment:
        """An environment, read anew when its files have changed.

        Raises:
            CdconfError: There's none, or its files break a rule.
        """
        key = f"environment {name} {hash(self._files)}"
        found: Environment = self.kept.get(key, lambda: load_environment(self._project, name), lasts=3600, young=3600)
        return found

    def known_environments(self) -> list[str]:
        """Every environment that has a history; a new one appears some seconds late, since all runs are looked at."""
        found: list[str] = self.kept.get("environments", self.history.environments, lasts=300.0, young=20.0)
        return found

    def at_work(self) -> list[UnfinishedRun]:
        """The runs of this checkout that have no end yet."""
        return at_work(self._project.data)

    def unfinished(self) -> list[dict[str, Any]]:
        """The same as rows of the history: those that live, and those that were killed."""
        there = self.at_work()
        known = self._rows
        self._rows = {run: known.get(run) or row_of(self._project.data, run) for run in there}
        return [dict(row) for row in self._rows.values()]

    def emit(self, event: Event) -> None:
        """Keeps warnings, each once, for the page that says what can't be read."""
        if isinstance(event, Notice) and event.warning and event.message not in self.notices:
            self.notices.append(event.message)
            del self.notices[:-_MOST_NOTICES]

    def refresh(self) -> bool:
        """Looks whether something has changed; whether it has.

        Raises:
            CdconfError: The project or the history can't be read.
        """
        self.looks.go_on()
        with self._lock:
            data = self._project.data
            files = self._stamps()
            if files != self._files:
                self._files = files
                self._project = look_at(self._project.root)
            self._renew_history(data)
            self._history.take_in()
            content = (files, _stamp(data / JOURNAL), self._state_elsewhere())
            found = (content, tuple(self.at_work()), self._answers)
            is_new = found != self._version
            self._version, self._content = found, content
            return is_new

    def _answered(self) -> None:
        self._answers += 1

    def _renew_history(self, data: Path) -> None:
        """Takes a new copy where something else than a run has written to the index."""
        stamp = _stamp(data / INDEX)
        if stamp == self._index or time.monotonic() - self._copied < COPIED_AFTER or self._store is not self._history:
            return
        before = self._history
        self._history = self._store = opened(self._project, self._fresh_folder())
        self._index, self._copied = stamp, time.monotonic()
        before.close()
        shutil.rmtree(self._folder / f"history-{self._generation - 1}", ignore_errors=True)

    def _state_elsewhere(self) -> object:
        """What changes without a sign on this machine's disk; a bucket's list costs money."""
        every = BUCKET_AFTER if (self._project.store or "").startswith("s3://") else STORE_AFTER
        if time.monotonic() - self._elsewhere_at >= every:
            self._elsewhere_at = time.monotonic()
            with contextlib.suppress(CdconfError):
                from cdconf.artifacts.backends import place_of

                names = hash(tuple(sorted(place_of(self._project).names())))
                self._elsewhere = (names, self._team_state())
        return self._elsewhere

    def _team_state(self) -> object:
        if not self._history.is_team:
            return None
        runs = self._history.tables.runs
        with self._history.reading() as connection:
            query = self._history.sa.select(self._history.sa.func.count(), self._history.sa.func.max(runs.c.started_at))
            return tuple(connection.execute(query).one())

    def _stamps(self) -> tuple[object, ...]:
        return tuple((str(path), _stamp(path)) for path in files_of(self._project))

    def close(self) -> None:
        """Gives the databases back."""
        self._history.close()
        if self._store is not self._history:
            self._store.close()


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def attempt(make: Callable[[], Any], otherwise: Any = None) -> tuple[Any, str | None]:
    """What could be read, and why it couldn't: one thing that's broken hides nothing of a page."""
    try:
        return make(), None
    except CdconfError as error:
        return otherwise, error.message + (f" ({error.hint})" if error.hint else "")
