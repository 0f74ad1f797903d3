"""Takes the lines of a journal into the database."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.history.chain import FIELD, JournalLine, head_of
from cdconf.history.journal_file import JournalPosition, read
from cdconf.history.rows import parsed
from cdconf.history.run_events import read_events

if TYPE_CHECKING:
    import sqlalchemy as sa

    from cdconf.history.database import Database

_TEXTS = ("run", "environment", "app", "version", "artifact", "commit", "user", "controller", "detail", "error")
_INDEXED = ("id", "run", "command", "environment", "app", "user")
_LONGEST = 300  # characters of what's in an index
_LISTS: dict[str, type] = {"hosts": dict, "events": list}
_GREATEST = 2**31 - 1  # of an INTEGER
_AT_ONCE = 1000  # rows in a statement: a server's limits count for each of them, and a long journal is taken in whole
Row = dict[str, Any]


class TakingIn:
    """Takes one checkout's journal into the history.

    Args:
        database: The database.
        data: The project's `.cdconf/`.
        project: The project's name.
        checkout: The checkout's id; empty in its own database.
    """

    def __init__(self, database: Database, data: Path, project: str, checkout: str) -> None:
        self._database = database
        self._tables = database.tables
        self._data, self._project, self._checkout = data, project, checkout
        self._mark = f"lines of {checkout}".rstrip()

    def take_in(self, connection: sa.Connection) -> list[Row]:
        """Takes in what the journal has since the last time; a run that's there already stays as it is.

        Returns:
            The rows of the runs that the journal had.
        """
        import sqlalchemy as sa

        marks = self._tables.marks
        query = sa.select(marks.c.value).where(marks.c.name == self._mark)
        before = _place(connection.execute(query).scalar_one_or_none())
        lines, place = read(self._data, before)
        if not lines:
            return []
        records = [_clean(line.record) for line in lines if line.record is not None]
        rows = self._take_runs(connection, records)
        self._take_fields(connection, records)
        self._take_events(connection, records)
        self._take_links(connection, lines)
        value = json.dumps({"offset": place.offset, "number": place.head.number, "link": place.head.link})
        keep = self._database.insert(marks).values(name=self._mark, value=value)
        connection.execute(keep.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
        return rows

    def _take_runs(self, connection: sa.Connection, records: Sequence[Row]) -> list[Row]:
        """What a journal says of a run takes the place of what hosts remember of it."""
        import sqlalchemy as sa

        runs = self._tables.runs
        rows = {record["id"]: self._row(record) for record in records}
        seen = (row for row in rows.values() if row["source"] == "journal")
        _in_pieces(connection, self._database.insert(runs).on_conflict_do_nothing(index_elements=["id"]), seen)
        for row in rows.values():
            if row["source"] != "journal":
                fresh = self._database.insert(runs).values(row)
                connection.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=row))
        other = runs.alias()
        known = sa.select(other.c.run).where(other.c.source == "journal", other.c.run.is_not(None))
        connection.execute(sa.delete(runs).where(runs.c.source != "journal", runs.c.run.in_(known)))
        return list(rows.values())

    def _take_fields(self, connection: sa.Connection, records: Iterable[Row]) -> None:
        table = self._tables.run_fields
        rows = (
            {"id": record["id"], "name": name, "value": json.dumps(value)}
            for record in records
            for name, value in record.items()
            if name not in self._tables.runs.c and name != FIELD and value is not None
        )
        fresh = self._database.insert(table)
        same = fresh.on_conflict_do_update(index_elements=["id", "name"], set_={"value": fresh.excluded.value})
        _in_pieces(connection, same, rows)

    def _take_events(self, connection: sa.Connection, records: Iterable[Row]) -> None:
        told = ((record["id"], read_events(self._data, record["id"])) for record in records)
        rows = ({"id": identifier, "events": json.dumps(events)} for identifier, events in told if events)
        fresh = self._database.insert(self._tables.later.run_events)
        same = fresh.on_conflict_do_update(index_elements=["id"], set_={"events": fresh.excluded.events})
        _in_pieces(connection, same, rows)

    def _take_links(self, connection: sa.Connection, lines: Iterable[JournalLine]) -> None:
        rows = (
            {
                "checkout": self._checkout,
                "link": line.link,
                "number": min(line.number, _GREATEST),
                "before": line.claimed.link if line.claimed is not None else line.counted.link,
                "id": text(line.id),
                "digest": line.digest,
            }
            for line in lines
        )
        fresh = self._database.insert(self._tables.later.journal_lines)
        _in_pieces(connection, fresh.on_conflict_do_nothing(index_elements=["checkout", "link"]), rows)

    def _row(self, record: Mapping[str, Any]) -> Row:
        """A journal's record as a row, whatever version or hand wrote it."""
        row: Row = {name: text(record.get(name)) for name in _TEXTS}
        for name, kind in _LISTS.items():
            found = record.get(name)
            row[name] = json.dumps(found if isinstance(found, kind) else kind())
        code = record.get("exit_code")
        is_code = isinstance(code, int) and not isinstance(code, bool) and abs(code) <= _GREATEST
        return row | {
            "id": record["id"],
            "project": self._project,
            "source": text(record.get("source")) or "journal",
            "command": text(record["command"]),
            "started_at": _seconds(record.get("started_at")),
            "duration_s": _seconds(record.get("duration_s")),
            "exit_code": code if is_code else None,
        }


def _in_pieces(connection: sa.Connection, statement: Any, rows: Iterable[Row]) -> None:
    """Executes a statement for rows, some at a time; `Watch` hears of each piece that the server is there."""
    left = iter(rows)
    while piece := list(itertools.islice(left, _AT_ONCE)):
        connection.execute(statement, piece)


def _clean(record: Mapping[str, Any]) -> Row:
    """A record whose names and ids any database takes; an index of PostgreSQL refuses long ones."""
    named = {(text(name) or "")[:_LONGEST]: value for name, value in record.items()}
    return named | {name: (text(record[name]) or "")[:_LONGEST] for name in _INDEXED if record.get(name) is not None}


def text(value: Any) -> str | None:
    """Text that any database takes: PostgreSQL stores no NUL, and no encoding has half a pair of surrogates."""
    if value is None:
        return None
    return str(value).replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e12 and math.isfinite(value) else None


def _place(mark: Any) -> JournalPosition | None:
    """How far the journal was read; from its beginning where that can't be told."""
    found = parsed(mark)
    head = head_of(found)
    offset = found.get("offset") if isinstance(found, dict) else None
    return JournalPosition(offset, head) if head is not None and isinstance(offset, int) and offset >= 0 else None
