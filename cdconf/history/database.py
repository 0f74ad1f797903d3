"""Where the index of history lies: SQLite in the checkout, or the team's PostgreSQL; how it's opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError
from cdconf.history.tables import make, tables
from cdconf.history.watch import ConnectionWatch
from cdconf.patience import told

if TYPE_CHECKING:
    import sqlalchemy as sa

FILE = "history.db"
TEAM = "the team's history database"  # as people are told
VARIABLE = "CDCONF_DATABASE"
PATIENCE = 5  # seconds for which a team's database may keep a run waiting before it's connected
LOCKED = 5  # seconds for which a statement waits for what somebody else has locked
STATEMENT = 30  # seconds for which any statement may run
_LIMITS = {  # PostgreSQL's codes of errors: https://www.postgresql.org/docs/current/errcodes-appendix.html
    "55P03": f"one of its tables is locked by somebody else, for more than {LOCKED} s",
    "57014": f"a statement took longer than {STATEMENT} s",
}


def url_of(database: str | None) -> str | None:
    """The team's database: the environment variable's, else cdconf.yml's; None for the checkout's own."""
    return os.environ.get(VARIABLE) or database


class Database:
    """An engine with the tables as this version wants them.

    Args:
        data: The project's `.cdconf/`.
        url: `postgresql://…`, or None for SQLite there.
        project: The project's name.

    Raises:
        CdconfError: It can't be reached or read, or a newer cdconf has made it.
    """

    def __init__(self, data: Path, url: str | None, project: str) -> None:
        self._is_team = url is not None
        self._data, self._url = data, url
        self.tables = tables("cdconf_" if self._is_team else "")
        self.engine = _sqlite(data) if url is None else _postgresql(url)
        try:
            with self.engine.begin() as connection:
                make(connection, self.tables, project)
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for questions; says so when they take long.

        Raises:
            CdconfError: They can't be answered.
        """
        import sqlalchemy as sa

        try:
            with told(TEAM) if self._is_team else nullcontext(), self.engine.connect() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise failure_of(error, self._data, self._url) from error

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, as both kinds do."""
        if self._is_team:
            from sqlalchemy.dialects.postgresql import insert as postgresql_insert

            return postgresql_insert(table)
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)


def failure_of(error: Exception, data: Path, url: str | None) -> CdconfError:
    """What's said of an error of the database."""
    cause = getattr(error, "orig", None)
    reason = _LIMITS.get(getattr(cause, "sqlstate", None) or "") or str(cause or error).strip()
    hint = f"it's {_shown(url)}" if url else f"remove {data / FILE}; it's built again from the journal"
    return CdconfError(
        f"the history database can't be read: {next(iter(reason.splitlines()), type(error).__name__)}", hint=hint
    )


def _sqlite(data: Path) -> sa.Engine:
    import sqlalchemy as sa

    path = data / FILE
    path.touch(mode=0o600)
    return sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})


def _postgresql(url: str) -> sa.Engine:
    import sqlalchemy as sa

    try:
        parsed = sa.make_url(url)
        if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise CdconfError(f"a team's database is postgresql://…, not {parsed.drivername}://")
        engine = sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": PATIENCE}, pool_size=1
        )
        ConnectionWatch(engine, _shown(url))
        sa.event.listen(engine, "connect", _limit)
        return engine
    except ModuleNotFoundError as error:
        raise CdconfError(
            "the team's history is in PostgreSQL, and psycopg isn't installed here",
            hint="pip install 'cdconf[postgresql]'",
        ) from error
    except sa.exc.ArgumentError as error:
        raise CdconfError("the history database's URL can't be read", hint="postgresql://user@host/name") from error


def _limit(connection: Any, _record: object) -> None:
    """Limits each statement in time; a setting of the connection's start would be refused by poolers."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {LOCKED * 1000}")
        cursor.execute(f"SET statement_timeout = {STATEMENT * 1000}")
    connection.commit()  # else they would end with the first transaction that is rolled back


def _shown(url: str) -> str:
    """A URL without its password, also when it's no URL."""
    import sqlalchemy as sa

    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "the team's database"
