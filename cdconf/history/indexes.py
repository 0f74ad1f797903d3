"""Indexes by which a list is found at once among very many runs; older versions use the tables as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.clocks import TOLERANCE
from cdconf.history.journal import DIFFERENCE

if TYPE_CHECKING:
    import sqlalchemy as sa

    from cdconf.history.tables import Tables

_BY = ("environment", "app", "user", "command")
_WRONG = r"^-?([3-9][0-9]|[1-9][0-9]{2,10})(\.[0-9]+)?$"  # 30 seconds or more


def add_indexes(tables: Tables) -> None:
    """Names the indexes of `runs` and `run_fields`; see `make` for when they're made."""
    import sqlalchemy as sa

    runs = tables.runs
    sa.Index(f"ix_{runs.name}_by_time", runs.c.project, runs.c.started_at, runs.c.id)
    for name in _BY:
        sa.Index(f"ix_{runs.name}_by_{name}", runs.c.project, runs.c[name], runs.c.started_at, runs.c.id)
    deployed: dict[str, Any] = {"sqlite_where": is_deployed(runs), "postgresql_where": is_deployed(runs)}
    which = (
        runs.c.project,
        runs.c.environment,
        runs.c.app,
        runs.c.started_at.desc(),
    )  # with `id`, too long for PostgreSQL
    sa.Index(f"ix_{runs.name}_deployed", *which, **deployed)
    fields = tables.run_fields
    where: dict[str, Any] = {
        "sqlite_where": is_wrong(fields, is_team=False),
        "postgresql_where": is_wrong(fields, is_team=True),
    }
    sa.Index(f"ix_{fields.name}_wrong_clocks", fields.c.id, **where)


def is_deployed(runs: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a run deployed a version or went back to one, and ended well; as the index says it, word by word."""
    import sqlalchemy as sa

    return sa.and_(
        runs.c.command.in_([sa.literal_column("'deploy'"), sa.literal_column("'rollback'")]),
        runs.c.exit_code == sa.literal_column("0"),
        *(runs.c[name].is_not(None) for name in ("version", "environment", "app")),
    )


def is_wrong(fields: sa.FromClause, *, is_team: bool) -> sa.ColumnElement[bool]:
    """Whether a run's field says that its machine's clock was wrong; as the index says it, word by word.

    What's no number, in a team's database, says nothing of a clock; in SQLite's eyes it's 0.
    """
    import sqlalchemy as sa

    is_difference = fields.c.name == sa.literal_column(f"'{DIFFERENCE}'")
    if is_team:
        return sa.and_(is_difference, fields.c.value.op("~")(sa.literal_column(f"'{_WRONG}'")))
    tolerance: sa.ColumnElement[Any] = sa.literal_column(str(TOLERANCE))
    return sa.and_(is_difference, sa.func.abs(sa.cast(fields.c.value, sa.Float)) > tolerance)
