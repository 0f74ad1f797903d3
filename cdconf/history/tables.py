"""The tables of the history's index; what is in them is never dropped (docs/adr/0019-rows-of-history-are-data.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError
from cdconf.history.indexes import add_indexes
from cdconf.history.later_tables import VERSIONS, LaterTables, later_tables

if TYPE_CHECKING:
    import sqlalchemy as sa

SCHEMA = 3  # of `runs` and `marks`; it stays, so that every version since can share them: new things get new tables
FIELDS_SCHEMA = 1  # of `run_fields`
_LOCK = 0x6364636F6E66  # PostgreSQL's advisory lock while tables are made: "cdconf"


@dataclass(frozen=True)
class Tables:
    """The tables.

    Attributes:
        runs: A row per run.
        marks: What is known of the tables themselves and of the journals: name -> value.
        run_fields: What a run's record has beside the columns of `runs`: (run's id, name) -> JSON.
        later: The tables that came later, see `later_tables`.
    """

    runs: sa.Table
    marks: sa.Table
    run_fields: sa.Table
    later: LaterTables

    @property
    def meta(self) -> sa.MetaData:
        """All of them."""
        return self.runs.metadata


def tables(prefix: str) -> Tables:
    """The tables as this version wants them.

    Args:
        prefix: Begins their names, where others have tables in the same database.
    """
    import sqlalchemy as sa

    meta = sa.MetaData()
    marks = (sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Text))
    fields = (
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    found = Tables(
        _runs(meta, f"{prefix}runs"),
        sa.Table(f"{prefix}marks", meta, *marks),
        sa.Table(f"{prefix}run_fields", meta, *fields),
        later_tables(meta, prefix),
    )
    add_indexes(found)
    return found


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


def make(connection: sa.Connection, wanted: Tables, project: str) -> None:
    """Makes the tables that are missing, and the columns that older versions didn't have; no row is ever lost.

    Args:
        connection: In a transaction.
        wanted: The tables.
        project: Whose runs those are that an older version wrote, which knew of one project only.

    Raises:
        CdconfError: A newer cdconf has made them in a way that this one can't share.
    """
    if _is_up_to_date(connection, wanted):
        return
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":  # of two that make them at once, one would fail
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    wanted.meta.create_all(connection)
    _add_columns(connection, wanted.runs)
    for table in (wanted.runs, wanted.run_fields):
        _add_indexes(connection, table)
    runs = wanted.runs
    connection.execute(sa.update(runs).where(runs.c.project.is_(None)).values(project=project))
    connection.execute(sa.update(runs).where(runs.c.source.is_(None)).values(source="journal"))
    for name, version in _versions().items():
        connection.execute(sa.delete(wanted.marks).where(wanted.marks.c.name == name))
        connection.execute(sa.insert(wanted.marks), {"name": name, "value": str(version)})


def _versions() -> dict[str, int]:
    """Name of a row of `marks` -> the version of the tables that it stands for."""
    later = {f"schema of {name}": version for name, version in VERSIONS.items()}
    return {"schema": SCHEMA, "schema of run_fields": FIELDS_SCHEMA, **later}


def _is_up_to_date(connection: sa.Connection, wanted: Tables) -> bool:
    import sqlalchemy as sa

    there = set(sa.inspect(connection).get_table_names())
    if wanted.marks.name not in there:
        return False
    found = _found(connection, wanted)
    for name, version in _versions().items():
        if found.get(name, 0) > version:
            which = f"its {name}"
            text = f"the history database was made by a newer cdconf: {which} is {found[name]}, not {version}"
            raise CdconfError(text, hint="update this one")
    is_whole = all(found.get(name) == version for name, version in _versions().items())
    return is_whole and {table.name for table in wanted.meta.tables.values()} <= there


def _found(connection: sa.Connection, wanted: Tables) -> dict[str, int]:
    import sqlalchemy as sa

    marks = wanted.marks
    query = sa.select(marks.c.name, marks.c.value).where(marks.c.name.in_(_versions()))
    return {name: _version(name, value) for name, value in connection.execute(query)}


def _version(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        text = f"the history database is damaged: the version of its {name} is {str(value)[:20]!r}"
        raise CdconfError(text, hint="the table `marks` says it") from error


def _add_columns(connection: Any, table: sa.Table) -> None:
    """Adds the columns that an older version's table lacks; they may be empty, as that version leaves them."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    there = {column["name"] for column in inspector.get_columns(table.name)}
    quote = connection.dialect.identifier_preparer
    for column in table.c:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.execute(
                sa.text(f"ALTER TABLE {quote.format_table(table)} ADD COLUMN {quote.format_column(column)} {kind}")
            )


def _add_indexes(connection: Any, table: sa.Table) -> None:
    import sqlalchemy as sa

    for index in table.indexes:
        connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
