"""The history without a trace: a checkout's is read from a copy of its index, a team's by a session that only reads.

The index of a checkout is brought up to date by whoever asks. The dashboard has a copy in a directory of its own, and
takes the journal's new lines into that.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError
from cdconf.history.database import FILE, TEAM, Database, failure_of, url_of
from cdconf.history.index import History
from cdconf.history.tables import tables
from cdconf.patience import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from cdconf.inventory import Project


class Snapshot(History):
    """A checkout's history, in a copy.

    Args:
        project: The project.
        folder: The dashboard's own directory, for the copy.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        import sqlalchemy as sa

        self.sa = sa
        self.is_team = False
        self.project = ""
        self._data, self._url, self.checkout = project.data_if_any, None, ""
        copied(self._data / FILE, folder / FILE)
        try:
            self._database = Database(folder, None, "")
        except (sa.exc.SQLAlchemyError, CdconfError):  # an index that can't be read is made from the journal
            (folder / FILE).unlink(missing_ok=True)
            self._database = Database(folder, None, "")
        sa.event.listen(self._database.engine, "connect", _fast)
        self._runs = self._database.tables.runs
        self.take_in()

    def take_in(self) -> None:
        """Takes in what the journal has since the last time; that isn't there before the first run.

        Raises:
            CdconfError: The journal or the copy can't be read.
        """
        with contextlib.suppress(FileNotFoundError):
            try:
                self._update()
            except self.sa.exc.SQLAlchemyError as error:
                raise failure_of(error, self._data, None) from error


class TeamHistory(History):
    """The team's history, which this session can't write to.

    Args:
        project: The project.
        url: The database.

    Raises:
        CdconfError: It can't be reached, or nothing was written there yet.
    """

    def __init__(self, project: Project, url: str) -> None:
        import sqlalchemy as sa

        self.sa = sa
        self.is_team = True
        self.project = project.name
        self._data, self._url, self.checkout = project.data_if_any, url, project.checkout
        with told(TEAM):
            self._database = _OnlyRead(self._data, url)
        self._runs = self._database.tables.runs
        there = set(sa.inspect(self._database.engine).get_table_names())
        if not {table.name for table in self._database.tables.meta.tables.values()} <= there:
            self.close()
            hint = "the first run of this version makes them: `cdconf history` is enough"
            raise CdconfError("the team's history has no tables yet, or an older version's", hint=hint)

    def take_in(self) -> None:
        """Every run tells the team's database itself."""


class _OnlyRead(Database):
    """A database in which nothing is made or changed."""

    def __init__(self, data: Path, url: str) -> None:
        import sqlalchemy as sa

        from cdconf.history.database import _postgresql

        self._is_team, self._data, self._url = True, data, url
        self._one = threading.RLock()  # its engine has one connection at a time
        self.tables = tables("cdconf_")
        self.engine = _postgresql(url)
        sa.event.listen(self.engine, "connect", _only_read)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for questions."""
        with self._one, super().reading() as connection:
            yield connection


def _only_read(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    connection.commit()


def _fast(connection: Any, _record: object) -> None:
    """The copy needn't outlive a crash, and is read while something is taken in."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")


def opened(project: Project, folder: Path) -> Snapshot | TeamHistory:
    """The project's history, only to be read.

    Raises:
        CdconfError: It can't be read.
    """
    url = url_of(project.database)
    return Snapshot(project, folder) if url is None else TeamHistory(project, url)


class StoreIndex(History):
    """An index for what the artifact store says: nothing of the history is in it.

    Args:
        project: The project.
        folder: The dashboard's own directory.
    """

    def __init__(self, project: Project, folder: Path) -> None:
        import sqlalchemy as sa

        self.sa = sa
        self.is_team = False
        self.project = project.name
        self._data, self._url, self.checkout = folder, None, ""
        self._database = Database(folder, None, project.name)
        self._runs = self._database.tables.runs


def copied(source: Path, target: Path) -> bool:
    """Copies an SQLite database as it is at one moment, without a lock that others would wait for.

    Returns:
        Whether it could be copied; there's none before the first `cdconf history`.
    """
    target.unlink(missing_ok=True)
    if not source.is_file():
        return False
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as there,
            contextlib.closing(sqlite3.connect(target)) as here,
        ):
            there.backup(here)
    except sqlite3.Error:
        target.unlink(missing_ok=True)
        return False
    return True


def rows(history: History, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """A question's rows as data.

    Raises:
        CdconfError: It can't be answered.
    """
    with history.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
