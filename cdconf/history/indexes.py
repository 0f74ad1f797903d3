"""Indexes by which a list is found at once among very many runs; older versions use the tables as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.history.journal import DIFFERENCE

if TYPE_CHECKING:
    import sqlalchemy as sa

    from cdconf.history.tables import Tables

_BY = ("environment", "app", "user", "command")
_LENGTH = 32  # characters of a number: an index of PostgreSQL refuses long texts


def add_indexes(tables: Tables) -> None:
    """Names the indexes of `runs` and `run_fields`; see `make` for when they're made."""
    import sqlalchemy as sa

    runs = tables.runs
    sa.Index(f"ix_{runs.name}_by_time", runs.c.project, runs.c.started_at, runs.c.id)
    for name in _BY:
        sa.Index(f"ix_{runs.name}_by_{name}", runs.c.project, runs.c[name], runs.c.started_at, runs.c.id)
    fields = tables.run_fields
    is_difference = fields.c.name == sa.literal_column(f"'{DIFFERENCE}'")
    where: dict[str, Any] = {"sqlite_where": is_difference, "postgresql_where": is_difference}
    sa.Index(f"ix_{fields.name}_clocks", difference_of(fields), fields.c.id, **where)


def difference_of(fields: sa.FromClause) -> sa.ColumnElement[str]:
    """How the index has the difference of a run's clock: a text, cut."""
    import sqlalchemy as sa

    return sa.func.substr(fields.c.value, sa.literal_column("1"), sa.literal_column(str(_LENGTH)))
