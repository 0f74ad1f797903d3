"""Where the index of history lies: SQLite in the checkout, or the team's PostgreSQL; its tables and their version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError

if TYPE_CHECKING:
    import sqlalchemy as sa

FILE = "history.db"
VARIABLE = "CDCONF_DATABASE"
SCHEMA = 3
PATIENCE = 5  # seconds for which a team's database may keep a run waiting before it's connected
_LOCK = 0x6364636F6E66  # PostgreSQL's advisory lock while tables are made: "cdconf"


def url_of(database: str | None) -> str | None:
    """The team's database: the environment variable's, else cdconf.yml's; None for the checkout's own."""
    return os.environ.get(VARIABLE) or database


class Database:
    """An engine with the tables as this version wants them.

    Args:
        data: The project's `.cdconf/`.
        url: `postgresql://…`, or None for SQLite there.

    Raises:
        CdconfError: It can't be reached or read, or a newer cdconf has made it.
    """

    def __init__(self, data: Path, url: str | None) -> None:
        import sqlalchemy as sa

        self._is_team = url is not None
        meta = sa.MetaData()
        prefix = "cdconf_" if self._is_team else ""
        self.runs = _runs(meta, f"{prefix}runs")
        self.marks = sa.Table(
            f"{prefix}marks", meta, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Text)
        )
        self.engine = _sqlite(data) if url is None else _postgresql(url)
        try:
            self._make(meta)
        except BaseException:
            self.engine.dispose()
            raise

    def _make(self, meta: sa.MetaData) -> None:
        """Makes the tables. An older index of a checkout is made anew, since its journal is here."""
        import sqlalchemy as sa

        with self.engine.begin() as connection:
            if self._is_team:  # of two that make them at once, one would fail
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            meta.create_all(connection)
            query = sa.select(self.marks.c.value).where(self.marks.c.name == "schema")
            made_by = connection.execute(query).scalar_one_or_none()
            if made_by is not None and int(made_by) > SCHEMA:
                raise CdconfError("the history database was made by a newer cdconf", hint="update this one")
            if made_by is not None and int(made_by) < SCHEMA:
                meta.drop_all(connection)
                meta.create_all(connection)
                made_by = None
            if made_by is None:
                connection.execute(sa.insert(self.marks), {"name": "schema", "value": str(SCHEMA)})

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, as both kinds do."""
        if self._is_team:
            from sqlalchemy.dialects.postgresql import insert as postgresql_insert

            return postgresql_insert(table)
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)


def failure_of(error: Exception, data: Path, url: str | None) -> CdconfError:
    """What's said of an error of the database."""
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()
    hint = f"it's {_shown(url)}" if url else f"remove {data / FILE}; it's built again from the journal"
    return CdconfError(
        f"the history database can't be read: {reason[0] if reason else type(error).__name__}", hint=hint
    )


def _runs(meta: sa.MetaData, name: str) -> sa.Table:
    import sqlalchemy as sa

    texts = ("version", "artifact", "commit", "user", "controller")
    return sa.Table(
        name,
        meta,
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("project", sa.String, nullable=False, index=True),
        sa.Column("run", sa.String, index=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("command", sa.String, nullable=False),
        sa.Column("environment", sa.String, index=True),
        sa.Column("app", sa.String, index=True),
        *(sa.Column(text, sa.String) for text in texts),
        sa.Column("started_at", sa.Float, index=True),
        sa.Column("duration_s", sa.Float),
        sa.Column("exit_code", sa.Integer),
        sa.Column("detail", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("hosts", sa.Text),
        sa.Column("events", sa.Text),
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
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": PATIENCE}, pool_size=1
        )
    except ModuleNotFoundError as error:
        raise CdconfError(
            "the team's history is in PostgreSQL, and psycopg isn't installed here",
            hint="pip install 'cdconf[postgresql]'",
        ) from error
    except sa.exc.ArgumentError as error:
        raise CdconfError("the history database's URL can't be read", hint="postgresql://user@host/name") from error


def _shown(url: str) -> str:
    """A URL without its password, also when it's no URL."""
    import sqlalchemy as sa

    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "the team's database"
