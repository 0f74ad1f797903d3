"""Which rows of the history are wanted, as SQL; and what becomes of a row that holds what nobody has foreseen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.clocks import TOLERANCE
from cdconf.history import journal
from cdconf.history.indexes import is_wrong
from cdconf.history.kinds import is_of_kind
from cdconf.history.order import newest_first

if TYPE_CHECKING:
    import sqlalchemy as sa

    from cdconf.history.index import History

LOOKED_AT = 50  # runs that are looked at for what hosts say of their order, beyond those that are wanted
_AT_ONCE = 500  # ids in a query; SQLite may allow no more than 999
_EMPTY: dict[str, Any] = {"hosts": {}, "events": []}
_TEXTS = ("run", "environment", "app", "version", "artifact", "commit", "user", "controller", "detail", "error")


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; None: whichever.

    Attributes:
        environment: Where checkouts have hosts of their own under one name, these are this checkout's, or with
            `NAME@CHECKOUT` another one's.
        host: Runs that had this host among theirs.
        user: Who started them.
        kinds: See `kinds`; empty: all.
        commands: The commands' names; empty: all.
        since: Runs that began then or later, in seconds since 1970.
        until: Runs that began before.
        id: The row's id.
        named: The beginning of the row's id, or of the id by which hosts know the run.
        succeeded: Only those that ended well, and are known to have deployed some version.
    """

    environment: str | None = None
    app: str | None = None
    host: str | None = None
    user: str | None = None
    kinds: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    id: str | None = None
    named: str | None = None
    succeeded: bool = False


def read_rows(history: History, wanted: RunFilter, limit: int | None) -> list[dict[str, Any]]:
    """The runs that are wanted as plain data, the newest first; see `History.runs`.

    A run's place is known by its hosts' clocks. Most clocks are nearly right: their runs are found by an index over the
    time by their own clocks. The few whose clocks were wrong are looked at beside them.
    """
    most = limit and limit + LOOKED_AT
    with history.reading() as connection:
        rows: dict[str, dict[str, Any]] = {}
        for query in (_by_own_clock(history, wanted), _by_hosts_clock(history, wanted)):
            for row in connection.execute(query.limit(most)).mappings():
                rows[row["id"]] = dict(row)
        fields = fields_of(history, connection, list(rows))
    found = [_whole(row, fields.get(identifier, {})) for identifier, row in rows.items()]
    found = [one for one in found if _is_in_time(one, wanted)]
    return [found[place] for place in newest_first(found)][:limit]


def _by_own_clock(history: History, wanted: RunFilter) -> sa.Select[Any]:
    runs = history.tables.runs
    query = where(history, wanted, history.sa.select(runs)).where(
        runs.c.id.not_in(history.sa.select(wrong_clocks(history).c.id))
    )
    query = query.where(runs.c.started_at >= wanted.since - TOLERANCE) if wanted.since is not None else query
    query = query.where(runs.c.started_at < wanted.until + TOLERANCE) if wanted.until is not None else query
    return query.order_by(runs.c.started_at.desc(), runs.c.id)


def _by_hosts_clock(history: History, wanted: RunFilter) -> sa.Select[Any]:
    runs, wrong = history.tables.runs, wrong_clocks(history)
    at = runs.c.started_at + wrong.c.seconds
    query = history.sa.select(runs).join(wrong, wrong.c.id == runs.c.id)
    query = where(history, wanted, query)
    query = query.where(at >= wanted.since) if wanted.since is not None else query
    query = query.where(at < wanted.until) if wanted.until is not None else query
    return query.order_by(at.desc(), runs.c.id)


def wrong_clocks(history: History) -> Any:
    """Runs whose machine's clock was wrong, as a subquery: `id`, and by how many `seconds`."""
    sa, fields = history.sa, history.tables.run_fields.alias()
    wrong = is_wrong(fields, is_team=history.is_team)
    # PostgreSQL may compute what's selected before it looks whether it's wanted.
    seconds = sa.case((wrong, sa.cast(fields.c.value, sa.Float)), else_=0.0)
    return sa.select(fields.c.id, seconds.label("seconds")).where(wrong).subquery()


def where(history: History, wanted: RunFilter, query: sa.Select[Any]) -> sa.Select[Any]:
    """A question about `runs`, narrowed to those that are wanted, whenever they were."""
    runs = history.tables.runs
    query = query.where(runs.c.project == history.project)
    if wanted.environment is not None:
        name, _, checkout = wanted.environment.partition("@")
        query = query.where(runs.c.environment == name, history.is_of(checkout) if checkout else history.is_here())
    for column, value in ((runs.c.app, wanted.app), (runs.c.user, wanted.user)):
        query = query.where(column == value) if value is not None else query
    query = query.where(runs.c.id == wanted.id) if wanted.id is not None else query
    if wanted.named is not None:
        begins = (column.startswith(wanted.named, autoescape=True) for column in (runs.c.id, runs.c.run))
        query = query.where(history.sa.or_(*begins))
    if wanted.host is not None:  # `hosts` is JSON, whose keys are written in one way only
        key = f"{json.dumps(wanted.host)}: {{"
        query = query.where(runs.c.hosts.contains(key, autoescape=True))
    query = query.where(runs.c.exit_code == 0, runs.c.version.is_not(None)) if wanted.succeeded else query
    query = query.where(is_of_kind(history.tables, wanted.kinds)) if wanted.kinds else query
    return query.where(runs.c.command.in_(wanted.commands)) if wanted.commands else query


def _is_in_time(row: Mapping[str, Any], wanted: RunFilter) -> bool:
    at = row["ordered_at"]
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)


def fields_of(
    history: History, connection: Any, ids: Sequence[str], names: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """What the records of these runs have beside the columns of `runs`; of these names, or of any."""
    table = history.tables.run_fields
    fields: dict[str, dict[str, Any]] = {}
    for first in range(0, len(ids), _AT_ONCE):
        query = history.sa.select(table).where(table.c.id.in_(ids[first : first + _AT_ONCE]))
        query = query.where(table.c.name.in_(names)) if names else query
        for identifier, name, value in connection.execute(query):
            fields.setdefault(identifier, {})[name] = parsed(value)
    return fields


def _whole(row: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its fields, each of a kind that readers can rely on, whoever has written it."""
    whole = {**fields, **row}
    whole |= {name: None if row[name] is None else str(row[name]) for name in _TEXTS}
    for name, empty in _EMPTY.items():
        found = parsed(row[name])
        whole[name] = found if isinstance(found, type(empty)) else empty
    whole["hosts"] = {name: one for name, one in whole["hosts"].items() if isinstance(one, dict)}
    whole["events"] = [one for one in whole["events"] if isinstance(one, dict)]
    whole["started_at"] = number(row["started_at"]) or 0.0
    whole["duration_s"] = number(row["duration_s"])
    difference = number(fields.get(journal.DIFFERENCE))
    if journal.DIFFERENCE in fields:
        whole[journal.DIFFERENCE] = difference
    return whole | {"ordered_at": whole["started_at"] + (difference or 0.0)}


def parsed(text: Any) -> Any:
    """JSON as data; None where it isn't any."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def number(value: Any) -> float | None:
    """A number that may be a time in seconds, or a length of time; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and abs(value) < 1e11 else None
