"""The index of history: a database that is brought up to date from the journal, and can be built again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cdconf.history import journal
from cdconf.history.database import Database, failure_of
from cdconf.history.order import newest_first

_AT_ONCE = 500  # ids in a query; SQLite may allow no more than 999
_LOOKED_AT = 50  # runs that are looked at for what hosts say of their order, beyond those that are wanted
_LISTS = {"hosts": "{}", "events": "[]"}


class History:
    """One project's history.

    Args:
        data: The project's `.cdconf/`.
        url: The team's database; None: the checkout's own.
        project: The project's name, since several may share a team's database.
        checkout: Tells this checkout's journal, and its own environments, from others' in a team's database.
    """

    def __init__(self, data: Path, url: str | None = None, project: str = "", checkout: str = "") -> None:
        import sqlalchemy as sa

        self._sa = sa
        self._data = data
        self._project = project
        self._checkout = checkout
        self._mark = f"journal {checkout}".rstrip()
        try:
            self._database = Database(data, url, project)
            self._runs = self._database.tables.runs
            try:
                self._update()
            except BaseException:
                self.close()
                raise
        except sa.exc.SQLAlchemyError as error:
            raise failure_of(error, data, url) from error

    def close(self) -> None:
        """Gives the connection back."""
        self._database.engine.dispose()

    def _update(self) -> None:
        """Brings in what the journal has since the last time; a run that's there already stays as it is."""
        sa, marks = self._sa, self._database.tables.marks
        with self._database.engine.begin() as connection:
            query = sa.select(marks.c.value).where(marks.c.name == self._mark)
            mark = _parsed(connection.execute(query).scalar_one_or_none())
            records, offset = journal.records(self._data, mark.get("offset", 0), mark.get("last"))
            if not records:
                return
            self._bring_in(connection, records)
            value = json.dumps({"offset": offset, "last": records[-1]["id"], "fields": True})
            keep = self._database.insert(marks).values(name=self._mark, value=value)
            connection.execute(keep.on_conflict_do_update(index_elements=["name"], set_={"value": value}))

    def _bring_in(self, connection: Any, records: Sequence[dict[str, Any]]) -> None:
        """What a journal says of a run takes the place of what hosts remember of it."""
        sa, runs = self._sa, self._runs
        rows = {one["id"]: self._row(one) for one in records}
        seen = [row for row in rows.values() if row["source"] == "journal"]
        remembered = [row for row in rows.values() if row["source"] != "journal"]
        if seen:
            connection.execute(self._database.insert(runs).on_conflict_do_nothing(index_elements=["id"]), seen)
        for row in remembered:
            fresh = self._database.insert(runs).values(row)
            connection.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=row))
        other = runs.alias()
        known = sa.select(other.c.run).where(other.c.source == "journal", other.c.run.is_not(None))
        connection.execute(sa.delete(runs).where(runs.c.source == "hosts", runs.c.run.in_(known)))
        self._bring_in_fields(connection, records)

    def _bring_in_fields(self, connection: Any, records: Iterable[dict[str, Any]]) -> None:
        table = self._database.tables.run_fields
        rows = [
            {"id": one["id"], "name": name, "value": json.dumps(value)}
            for one in records
            for name, value in one.items()
            if name not in self._runs.c and value is not None
        ]
        if rows:
            fresh = self._database.insert(table)
            same = fresh.on_conflict_do_update(index_elements=["id", "name"], set_={"value": fresh.excluded.value})
            connection.execute(same, rows)

    def _row(self, record: dict[str, Any]) -> dict[str, Any]:
        """A journal's record as a row, whatever version wrote it."""
        row = {column.name: record.get(column.name) for column in self._runs.c}
        lists = {name: json.dumps(record.get(name) or json.loads(empty)) for name, empty in _LISTS.items()}
        return {**row, "project": self._project, "source": record.get("source") or "journal", **lists}

    def environments(self) -> list[str]:
        """Every environment that has a history, whether or not it exists any more.

        One whose hosts are another checkout's is `NAME@CHECKOUT`.
        """
        sa, runs = self._sa, self._runs
        owner = self._owner()
        query = sa.select(runs.c.environment, owner).distinct()
        query = query.where(runs.c.environment.is_not(None), runs.c.project == self._project)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return sorted({named(name, json.loads(of) if of else None, self._checkout) for name, of in rows})

    def _owner(self) -> Any:
        """Of a run, the checkout whose own hosts it was about, as JSON; NULL where they're everybody's."""
        sa, runs, fields = self._sa, self._runs, self._database.tables.run_fields
        return (
            sa.select(fields.c.value)
            .where(fields.c.id == runs.c.id, fields.c.name == "environment_of")
            .correlate(runs)
            .scalar_subquery()
        )

    def _is_here(self) -> Any:
        """Whether a run was about hosts that this checkout can mean; a checkout's own history has no others."""
        owner = self._owner()
        mine = owner.is_(None) | (owner == json.dumps(self._checkout))
        return mine if self._checkout else self._sa.true()

    def apps(self) -> list[str]:
        """Every app that has a history, whether or not it exists any more."""
        return self._values(self._runs.c.app)

    def known(self, runs: Iterable[str]) -> set[str]:
        """Of these ids by which hosts know runs, those that the history has."""
        column = self._runs.c.run
        query = self._sa.select(column).where(column.in_(list(runs)), self._runs.c.project == self._project)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def _values(self, column: Any) -> list[str]:
        query = self._sa.select(column).where(column.is_not(None), self._runs.c.project == self._project).distinct()
        with self._database.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def deployed(self) -> list[dict[str, Any]]:
        """Of each environment and app, the last deployment or rollback that ended well.

        Returns:
            `{"environment", "app", "version", "started_at", "ordered_at", "command", "user"}` each; times are in
            seconds since 1970: by the clock of the run's own machine, and by its hosts'.
        """
        sa, runs = self._sa, self._runs
        which = (runs.c.environment, runs.c.app)
        at = self._ordered_at()
        rank = sa.func.row_number().over(partition_by=which, order_by=(at.desc(), runs.c.id)).label("rank")
        shown = (runs.c.id, *which, runs.c.version, runs.c.started_at, runs.c.command, runs.c.user)
        found = sa.select(*shown, at.label("ordered_at"), rank).where(
            runs.c.project == self._project,
            runs.c.command.in_(("deploy", "rollback")),
            runs.c.exit_code == 0,
            *(column.is_not(None) for column in (*which, runs.c.version)),
            self._is_here(),
        )
        ranked = found.subquery()
        query = sa.select(ranked).where(ranked.c.rank <= _LOOKED_AT)
        by_app: dict[tuple[str, str], list[dict[str, Any]]] = {}
        with self._database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            fields = self._fields(connection, [row["id"] for row in rows])
        for row in rows:
            by_app.setdefault((row["environment"], row["app"]), []).append(fields.get(row["id"], {}) | row)
        last = [of_app[newest_first(of_app)[0]] for _, of_app in sorted(by_app.items())]
        names = ("environment", "app", "version", "started_at", "ordered_at", "command", "user")
        return [{name: one[name] for name in names} for one in last]

    def _ordered_at(self) -> Any:
        """When a run began by its hosts' clocks, or the store's; by that of its own machine where it asked neither."""
        sa, runs, fields = self._sa, self._runs, self._database.tables.run_fields
        difference = (
            sa.select(sa.cast(fields.c.value, sa.Float))
            .where(fields.c.id == runs.c.id, fields.c.name == journal.DIFFERENCE)
            .correlate(runs)
            .scalar_subquery()
        )
        return runs.c.started_at + sa.func.coalesce(difference, 0.0)

    def runs(
        self, environment: str | None = None, app: str | None = None, limit: int | None = 20
    ) -> list[dict[str, Any]]:
        """Runs, the newest first (see `order`), as plain data.

        `hosts` maps a host to its status and counts; `source` is `hosts` for a run that was rebuilt from what hosts
        remember, which is in `events`. Of such a run, what nobody remembers is None. What else a run's record has is
        there under its own name. `ordered_at` is when it began by its hosts' clocks.

        Args:
            environment: Only runs of this environment. Where checkouts have hosts of their own under one name, these
                are this checkout's, or with `NAME@CHECKOUT` another one's.
            app: Only runs of this app.
            limit: At most so many.
        """
        at = self._ordered_at()
        query = self._sa.select(self._runs, at.label("ordered_at")).where(self._runs.c.project == self._project)
        query = query.order_by(at.desc(), self._runs.c.id).limit(limit and limit + _LOOKED_AT)
        if environment is not None:
            name, _, checkout = environment.partition("@")
            query = query.where(self._runs.c.environment == name)
            query = query.where(self._owner() == json.dumps(checkout) if checkout else self._is_here())
        if app is not None:
            query = query.where(self._runs.c.app == app)
        with self._database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            fields = self._fields(connection, [row["id"] for row in rows])
        lists = [{name: json.loads(row[name] or empty) for name, empty in _LISTS.items()} for row in rows]
        found = [{**fields.get(row["id"], {}), **row, **parsed} for row, parsed in zip(rows, lists, strict=True)]
        return [found[place] for place in newest_first(found)][:limit]

    def _fields(self, connection: Any, ids: list[str]) -> dict[str, dict[str, Any]]:
        table = self._database.tables.run_fields
        fields: dict[str, dict[str, Any]] = {}
        for first in range(0, len(ids), _AT_ONCE):
            query = self._sa.select(table).where(table.c.id.in_(ids[first : first + _AT_ONCE]))
            for identifier, name, value in connection.execute(query):
                fields.setdefault(identifier, {})[name] = json.loads(value)
        return fields


def named(environment: str, of: str | None, checkout: str) -> str:
    """How an environment is called in this checkout: `try-2`, or `try-2@1a2b3c4d` when its hosts are another's."""
    return f"{environment}@{of}" if of and checkout and of != checkout else environment


def _parsed(mark: Any) -> dict[str, Any]:
    """How far a journal was read; from its beginning where a version did that which didn't keep all of its fields."""
    try:
        read = json.loads(mark or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) and read.get("fields") else {}
