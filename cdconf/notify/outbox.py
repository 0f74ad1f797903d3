"""What is to be sent: rows of a SQLite database of the project, so that each change is whole, whatever is killed when.

.cdconf/notify/outbox.db    a row for each event and target, and what's open: findings, approvals, schedules

A row is `waiting`; `sending` while a process of its own brings it to its receiver; and then `sent`, `given_up`, or
`waiting` once more. An event has one identity, and a target at most one row of each.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdconf.clocks import Clock
from cdconf.notify.kinds import LONGEST_BODY, LONGEST_TITLE, Notification, plain
from cdconf.notify.settings import NotifyError, Receiver

FOLDER, FILE = "notify", "outbox.db"
VERSION = 1
KEPT = 30 * 86400.0  # seconds for which it's known what was sent, and what was given up
MOST_WAITING = 1000  # rows of one target
BUSY = 5.0  # seconds that a run waits for somebody else's change, which takes some milliseconds
_TABLES = """
CREATE TABLE message (
    id INTEGER PRIMARY KEY, identity TEXT NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL, environment TEXT,
    title TEXT NOT NULL, body TEXT NOT NULL, created REAL NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
    unsure INTEGER NOT NULL, next_at REAL NOT NULL, pause REAL NOT NULL, ended REAL, why TEXT,
    UNIQUE (identity, target)
);
CREATE INDEX message_state ON message (state);
CREATE TABLE condition (key TEXT PRIMARY KEY, topic TEXT NOT NULL, opened TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX condition_topic ON condition (topic);
CREATE TABLE delivered (target TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE ping (
    environment TEXT PRIMARY KEY, created REAL NOT NULL, attempts INTEGER NOT NULL, next_at REAL NOT NULL
);
"""


@dataclass(frozen=True)
class Message:
    """A row that waits, or was given up.

    Attributes:
        created: When it was written, in seconds since 1970, by this machine's clock; so are the other times.
        attempts: How often it surely didn't reach its receiver.
        unsure: How often nobody knows whether it did.
        next_at: When it's tried next.
        why: What came of the last attempt.
    """

    id: int
    target: str
    kind: str
    environment: str | None
    title: str
    body: str
    created: float
    attempts: int
    unsure: int
    next_at: float
    ended: float | None
    why: str | None


_FIELDS = "id, target, kind, environment, title, body, created, attempts, unsure, next_at, ended, why"


class Outbox:
    """The outbox of a project.

    Args:
        data: The project's `.cdconf/`.
        clock: What time it is.

    Raises:
        NotifyError: It can't be opened, or a newer cdconf has written it.
    """

    def __init__(self, data: Path, clock: Clock | None = None) -> None:
        self.folder = data / FOLDER
        self.path = self.folder / FILE
        self.clock = clock or Clock()
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            about = self.path.lstat()
            if not stat.S_ISREG(about.st_mode):
                raise NotifyError(f"{self.path} isn't a file", hint="move it away: it's made anew")
            self._database = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from None
        try:
            with self.change():
                self._make()
        except BaseException:
            self._database.close()
            raise

    def _make(self) -> None:
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise NotifyError(f"a newer cdconf has written {self.path}", hint="use that one")
        if version == 0:
            for statement in _TABLES.split(";")[:-1]:
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Closes it."""
        self._database.close()

    def _error(self, error: Exception) -> NotifyError:
        hint = "make room, or move it away: what waits in it is then lost, and open findings are told once more"
        return NotifyError(f"the outbox of notifications can't be used: {self.path}: {error}", hint=hint)

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """All that's done within is one change: done whole, or not at all; others wait until it's over.

        Raises:
            NotifyError: The database can't be used.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._error(error) from None

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Does one statement.

        Raises:
            NotifyError: The database can't be used.
        """
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from None

    def add(self, notifications: Iterable[Notification], targets: Mapping[str, Receiver], project: str) -> None:
        """Writes down what's to be told, for each target that wants it; what's there already isn't written twice.

        Called within a change.

        Args:
            notifications: What's to be told.
            targets: The receivers, by name.
            project: The project's name.
        """
        for notification in notifications:
            for target in targets.values():
                if target.wants(notification, project):
                    self._insert(notification, target.name)

    def _insert(self, notification: Notification, target: str) -> None:
        now = self.clock.here()
        ((count,),) = self.run("SELECT count(*) FROM message WHERE state = 'waiting' AND target = ?", target)
        is_full = count >= MOST_WAITING
        row = {
            "identity": notification.identity,
            "target": target,
            "kind": notification.kind,
            "environment": notification.environment,
            "title": plain(notification.title, LONGEST_TITLE).replace("\n", " "),
            "body": plain(notification.body, LONGEST_BODY),
            "created": now,
            "attempts": 0,
            "unsure": 0,
            "next_at": now,
            "pause": 0.0,
            "state": "given_up" if is_full else "waiting",
            "ended": now if is_full else None,
            "why": f"{MOST_WAITING} others waited already" if is_full else None,
        }
        places = ", ".join("?" * len(row))
        self.run(f"INSERT OR IGNORE INTO message ({', '.join(row)}) VALUES ({places})", *row.values())  # noqa: S608

    def add_ping(self, environment: str) -> None:
        """An environment's ping is to be sent; an older one that still waits isn't sent any more."""
        now = self.clock.here()
        self.run("INSERT OR REPLACE INTO ping VALUES (?, ?, 0, ?)", environment, now, now)

    def messages(self, state: str) -> list[Message]:
        """All rows in a state, the oldest first."""
        found = self.run(f"SELECT {_FIELDS} FROM message WHERE state = ? ORDER BY id", state)  # noqa: S608
        return [Message(*one) for one in found]

    def is_empty(self) -> bool:
        """Whether nothing waits, or is on its way."""
        rows = self.run("SELECT 1 FROM message WHERE state IN ('waiting', 'sending') UNION SELECT 1 FROM ping LIMIT 1")
        return not rows

    def tidy(self) -> None:
        """Forgets what was sent or given up long ago, unless it's about something that's still open."""
        old = self.clock.here() - KEPT
        self.run(
            "DELETE FROM message WHERE state IN ('sent', 'given_up') AND ended < ?"
            " AND identity NOT IN (SELECT opened FROM condition)",
            old,
        )


def outbox_if_any(data: Path, clock: Clock | None = None) -> Outbox | None:
    """A project's outbox; None where nothing was ever written to one. For errors see `Outbox`."""
    return Outbox(data, clock) if (data / FOLDER / FILE).is_file() else None
