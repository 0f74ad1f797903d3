"""The database of history: an index that is built from the journal, and can be built again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cdconf.errors import CdconfError
from cdconf.history import journal

FILE = "history.db"
SCHEMA = 2


class History:
    """One checkout's history.

    Args:
        data: The project's `.cdconf/`.
    """

    def __init__(self, data: Path) -> None:
        import sqlalchemy as sa

        self._sa = sa
        self._data = data
        meta = sa.MetaData()
        self._runs = sa.Table(
            "runs",
            meta,
            sa.Column("id", sa.String, primary_key=True),
            sa.Column("command", sa.String, nullable=False),
            sa.Column("environment", sa.String, index=True),
            sa.Column("app", sa.String, index=True),
            sa.Column("version", sa.String),
            sa.Column("artifact", sa.String),
            sa.Column("commit", sa.String),
            sa.Column("user", sa.String),
            sa.Column("controller", sa.String),
            sa.Column("started_at", sa.Float, index=True),
            sa.Column("duration_s", sa.Float),
            sa.Column("exit_code", sa.Integer),
            sa.Column("detail", sa.Text),
            sa.Column("error", sa.Text),
            sa.Column("hosts", sa.Text),
        )
        self._marks = sa.Table(
            "marks", meta, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Integer)
        )
        path = data / FILE
        path.touch(mode=0o600)
        self._engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        try:
            meta.create_all(self._engine)
            if self._outdated():
                meta.drop_all(self._engine)
                meta.create_all(self._engine)
            self._update()
        except sa.exc.DatabaseError as error:
            raise CdconfError(
                f"the history database can't be read: {error.orig}",
                hint=f"remove {path}; it's built again from the journal",
            ) from error

    def _outdated(self) -> bool:
        """Whether an older cdconf made the index, which is then built again from the journal."""
        query = self._sa.select(self._marks.c.value).where(self._marks.c.name == "schema")
        with self._engine.connect() as connection:
            made_by = connection.execute(query).scalar_one_or_none()
        return made_by is not None and made_by < SCHEMA

    def _update(self) -> None:
        """Brings in what the journal has since the last time; a run that's there already stays as it is."""
        sa = self._sa
        with self._engine.begin() as connection:
            marks = dict(connection.execute(sa.select(self._marks.c.name, self._marks.c.value)).all())
            if marks.get("schema", SCHEMA) > SCHEMA:
                raise CdconfError("the history database was made by a newer cdconf", hint="update this one")
            records, offset = journal.records(self._data, marks.get("journal", 0))
            known = set(connection.execute(sa.select(self._runs.c.id)).scalars())
            fresh = {one["id"]: self._row(one) for one in records if one["id"] not in known}
            if fresh:
                connection.execute(sa.insert(self._runs), list(fresh.values()))
            connection.execute(sa.delete(self._marks))
            values = [{"name": "schema", "value": SCHEMA}, {"name": "journal", "value": offset}]
            connection.execute(sa.insert(self._marks), values)

    def _row(self, record: dict[str, Any]) -> dict[str, Any]:
        """A journal's record as a row, whatever version wrote it."""
        row = {column.name: record.get(column.name) for column in self._runs.c}
        return {**row, "hosts": json.dumps(record["hosts"])}

    def environments(self) -> list[str]:
        """Every environment that has a history, whether or not it exists any more."""
        return self._values(self._runs.c.environment)

    def apps(self) -> list[str]:
        """Every app that has a history, whether or not it exists any more."""
        return self._values(self._runs.c.app)

    def _values(self, column: Any) -> list[str]:
        query = self._sa.select(column).where(column.is_not(None)).distinct()
        with self._engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def runs(self, environment: str | None = None, app: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """Runs, the newest first, as plain data; `hosts` maps a host to its status and counts."""
        query = self._sa.select(self._runs).order_by(self._runs.c.started_at.desc()).limit(limit)
        if environment is not None:
            query = query.where(self._runs.c.environment == environment)
        if app is not None:
            query = query.where(self._runs.c.app == app)
        with self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [{**row, "hosts": json.loads(row["hosts"])} for row in rows]
