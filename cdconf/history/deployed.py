"""What was deployed last, everywhere, in one question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cdconf.history import journal
from cdconf.history.order import newest_first
from cdconf.history.rows import LOOKED_AT, Wanted, fields_of, number, where, wrong_clocks

if TYPE_CHECKING:
    from cdconf.history.index import History

_DEPLOYING = ("deploy", "rollback")
_SHOWN = ("environment", "app", "version", "started_at", "ordered_at", "command", "user")
_FIELDS = ("fences", "environment_of", journal.DIFFERENCE)


def deployed(history: History, also: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Of each environment and app, the last deployment or rollback that ended well; see `History.deployed`.

    Args:
        history: The project's.
        also: Which of the record's other fields are wanted; None where a run has none.
    """
    sa, runs = history.sa, history.tables.runs
    which = (runs.c.environment, runs.c.app)
    wrong = wrong_clocks(history)  # the few that matter for the fifty that are looked at
    at = runs.c.started_at + sa.func.coalesce(wrong.c.seconds, 0.0)
    rank = sa.func.row_number().over(partition_by=which, order_by=(at.desc(), runs.c.id)).label("rank")
    shown = (runs.c.id, *which, runs.c.version, runs.c.started_at, runs.c.command, runs.c.user)
    found = sa.select(*shown, rank).join(wrong, wrong.c.id == runs.c.id, isouter=True)
    found = found.where(*(column.is_not(None) for column in which))
    ranked = where(history, Wanted(commands=_DEPLOYING, succeeded=True), found).where(history.is_here()).subquery()
    by_app: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with history.reading() as connection:
        query = sa.select(ranked).where(ranked.c.rank <= LOOKED_AT)
        rows = [dict(row) for row in connection.execute(query).mappings()]
        fields = fields_of(history, connection, [row["id"] for row in rows], (*_FIELDS, *also))
    for row in rows:
        known = fields.get(row["id"], {})
        row["started_at"] = number(row["started_at"]) or 0.0
        row["ordered_at"] = row["started_at"] + (number(known.get(journal.DIFFERENCE)) or 0.0)
        by_app.setdefault((row["environment"], row["app"]), []).append(known | row)
    last = [of_app[newest_first(of_app)[0]] for _, of_app in sorted(by_app.items())]
    return [{name: one.get(name) for name in (*_SHOWN, *also)} for one in last]
