"""What was deployed last, everywhere, without looking at each of very many runs.

Of each environment and app, `last_deployed` remembers the last deployment, with a fingerprint of all that there were.
Only where that isn't as it was, since an older version has written there, or nobody has looked yet, runs are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.history import journal
from cdconf.history.indexes import is_deployed
from cdconf.history.order import newest
from cdconf.history.rows import LOOKED_AT, fields_of, number, parsed, wrong_clocks

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Select

    from cdconf.history.index import History

_SHOWN = ("environment", "app", "version", "started_at", "ordered_at", "command", "user")
_AT_ONCE = 500  # ids in a query; SQLite may allow no more than 999
_MANY = 20  # apps of environments, from which on all of them are looked at in one go
App = tuple[str, str]  # of an environment: (environment, app)
Fingerprint = tuple[int, int]  # how many there are, and the sum of their times


def deployed(history: History, also: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Of each environment and app, the last deployment or rollback that ended well; see `History.deployed`.

    Args:
        history: The project's.
        also: Which of the record's other fields are wanted; None where a run has none.
    """
    with history.reading() as connection:
        there, known = fingerprints(history, connection), _known(history, connection)
        last = {which: identifier for which, (identifier, found) in known.items() if there.get(which) == found}
        last |= _looked_up(history, connection, there.keys() - last.keys())
        rows = _whole(history, connection, [one for one in last.values() if one is not None])
        fields = fields_of(history, connection, list(rows), (journal.DIFFERENCE, *also))
    found = []
    for _, identifier in sorted(last.items()):
        if identifier is not None and identifier in rows:
            row, more = rows[identifier], fields.get(identifier, {})
            began = number(row["started_at"]) or 0.0
            at = {"started_at": began, "ordered_at": began + (number(more.get(journal.DIFFERENCE)) or 0.0)}
            found.append({name: (more | row | at).get(name) for name in (*_SHOWN, *also)})
    return found


def is_forgotten(history: History, connection: sa.Connection) -> bool:
    """Whether nothing is remembered for this checkout, as right after an upgrade."""
    table = history.tables.later.last_deployed
    is_its = (table.c.project == history.project) & (table.c.checkout == history.checkout)
    return connection.execute(history.sa.select(table.c.id).where(is_its).limit(1)).first() is None


def remember(history: History, connection: sa.Connection, insert: Any, taken: Iterable[Mapping[str, Any]]) -> None:
    """Brings `last_deployed` up to date.

    Args:
        history: The project's.
        connection: In a transaction.
        insert: An INSERT into `last_deployed` that knows `on_conflict_do_update`.
        taken: The rows of runs that have just been taken in, or that became known better.
    """
    there, known = fingerprints(history, connection), _known(history, connection)
    fresh = {(one["environment"], one["app"]) for one in taken} & there.keys()
    stale = {which for which, found in there.items() if known.get(which, (None, None))[1] != found}
    found = _looked_up(history, connection, fresh | stale)
    rows = [
        {
            "project": history.project,
            "checkout": history.checkout,
            "environment": which[0],
            "app": which[1],
            "id": identifier,
            "count": there[which][0],
            "times": there[which][1],
        }
        for which, identifier in sorted(found.items())
    ]
    if rows:
        values = {name: insert.excluded[name] for name in ("id", "count", "times")}
        keys = ["project", "checkout", "environment", "app"]
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=values), rows)


def fingerprints(history: History, connection: sa.Connection) -> dict[App, Fingerprint]:
    """What tells whether deployments have come or gone, of each environment and app; read from an index alone."""
    return {
        (environment, app): (count, times) for environment, app, count, times in connection.execute(counts(history))
    }


def counts(history: History) -> Select[Any]:
    """The question behind `fingerprints`."""
    sa, runs = history.sa, history.tables.runs
    times = sa.cast(sa.func.sum(sa.cast(sa.func.coalesce(runs.c.started_at, 0.0), sa.BigInteger)), sa.BigInteger)
    query: Select[Any] = sa.select(runs.c.environment, runs.c.app, sa.func.count(), times)
    query = query.where(runs.c.project == history.project, is_deployed(runs))
    return query.group_by(runs.c.environment, runs.c.app)


def _known(history: History, connection: sa.Connection) -> dict[App, tuple[str | None, Fingerprint]]:
    table = history.tables.later.last_deployed
    query = history.sa.select(table.c.environment, table.c.app, table.c.id, table.c.count, table.c.times)
    query = query.where(table.c.project == history.project, table.c.checkout == history.checkout)
    return {
        (environment, app): (identifier, (count, times))
        for environment, app, identifier, count, times in connection.execute(query)
    }


def _looked_up(history: History, connection: sa.Connection, which: Iterable[App]) -> dict[App, str | None]:
    """The last deployments, by looking at runs; None where all were about other checkouts' own hosts."""
    wanted = sorted(which)
    if not wanted:
        return {}
    by_app: dict[App, dict[str, dict[str, Any]]] = {}
    for query in candidates(history, wanted if len(wanted) <= _MANY else ()):
        for row in connection.execute(query):
            one = _candidate(*row)
            by_app.setdefault((one["environment"], one["app"]), {})[one["id"]] = one
    return {one: newest(list(by_app[one].values()))["id"] if one in by_app else None for one in wanted}


def candidates(history: History, only: Sequence[App] = ()) -> list[Select[Any]]:
    """The newest runs by the clocks of their machines, and those whose clocks were wrong; one of them is the last.

    Args:
        history: The project's.
        only: Of these environments and apps; empty: of all.
    """
    sa, runs = history.sa, history.tables.runs
    wrong = wrong_clocks(history)
    of_clock = (
        _ranked(history, runs.c.started_at, only).where(runs.c.id.not_in(sa.select(wrong.c.id))),
        _ranked(history, runs.c.started_at + wrong.c.seconds, only).join(wrong, wrong.c.id == runs.c.id),
    )
    return [_with_fields(history, one.subquery()) for one in of_clock]


def _ranked(history: History, at: Any, only: Sequence[App]) -> Select[Any]:
    """What ended well, numbered from the newest on, for each environment and app."""
    sa, runs = history.sa, history.tables.runs
    which = (runs.c.environment, runs.c.app)
    rank = sa.func.row_number().over(partition_by=which, order_by=at.desc()).label("rank")
    query: Select[Any] = sa.select(runs.c.id, *which, runs.c.started_at, rank).where(runs.c.project == history.project)
    query = query.where(sa.tuple_(*which).in_(only)) if only else query
    return query.where(is_deployed(runs), history.is_here())


def _with_fields(history: History, ranked: sa.Subquery) -> Select[Any]:
    columns = [ranked.c[name] for name in ("id", "environment", "app", "started_at")]
    query: Select[Any] = history.sa.select(*columns).where(ranked.c.rank <= LOOKED_AT)
    for name in ("fences", "environment_of", journal.DIFFERENCE):
        field = history.tables.run_fields.alias()
        is_its = (field.c.id == ranked.c.id) & (field.c.name == name)
        query = query.join(field, is_its, isouter=True).add_columns(field.c.value)
    return query


def _candidate(identifier: str, environment: str, app: str, at: Any, *fields: str | None) -> dict[str, Any]:
    fences, of, difference = (None if field is None else parsed(field) for field in fields)
    return {
        "id": identifier,
        "environment": environment,
        "app": app,
        "ordered_at": (number(at) or 0.0) + (number(difference) or 0.0),
        "fences": fences,
        "environment_of": json.dumps(of),
    }


def _whole(history: History, connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The columns of `runs` that are shown, of these runs."""
    runs = history.tables.runs
    columns = [runs.c[name] for name in ("id", "environment", "app", "version", "started_at", "command", "user")]
    rows: dict[str, dict[str, Any]] = {}
    for first in range(0, len(ids), _AT_ONCE):
        query = history.sa.select(*columns).where(runs.c.id.in_(ids[first : first + _AT_ONCE]))
        rows |= {row["id"]: dict(row) for row in connection.execute(query).mappings()}
    return rows
