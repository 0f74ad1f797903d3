"""Tables that the server sorts, filters and divides into pages; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

PER_PAGE = 50
LAST_PAGE = 2000
_LONGEST = 100  # characters of what's searched for
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: Its name in rows, and in addresses.
        title: For people.
        kind: How its cells are shown: `text`, `code`, `time`, `length`, `state`, `link`, `number`.
        sorts: Whether the table can be sorted by it.
    """

    key: str
    title: str
    kind: str = "text"
    sorts: bool = True


@dataclass(frozen=True)
class TableQuery:
    """How a table is asked for.

    Attributes:
        sort: A column's key; None: as it comes.
        is_down: The greatest first.
        text: What rows must hold.
        page: From 1.
    """

    sort: str | None = None
    is_down: bool = False
    text: str = ""
    page: int = 1


@dataclass(frozen=True)
class Table:
    """A page of a table, as data.

    Attributes:
        name: Begins its parameters in addresses; empty for a page's main one.
        total: Rows that hold what's searched for; None: not counted.
        empty: What's said where there are none.
        params: The address's other parameters.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    asked: TableQuery
    total: int
    empty: str
    params: Mapping[str, str] = field(default_factory=dict)
    per_page: int = PER_PAGE

    @property
    def pages(self) -> int:
        """How many there are."""
        return max(1, -(-self.total // self.per_page))

    def address(self, **changed: Any) -> str:
        """The query of the same table, asked otherwise."""
        asked = {"sort": _sort(self.asked), "q": self.asked.text, "page": str(self.asked.page)} | changed
        own = {f"{self.name}.{key}" if self.name else key: str(value) for key, value in asked.items()}
        kept = {key: value for key, value in self.params.items() if key not in own}
        usual = ("", "1")
        return "?" + urlencode({**kept, **{key: value for key, value in own.items() if value not in usual}})

    def sorted_by(self, key: str) -> str:
        """`ascending`, `descending` or `none`, as `aria-sort` has it."""
        if self.asked.sort != key:
            return "none"
        return "descending" if self.asked.is_down else "ascending"

    def by(self, key: str) -> str:
        """The address of the table sorted by a column; once more, the other way round."""
        is_up = self.asked.sort == key and not self.asked.is_down
        return self.address(sort=f"-{key}" if is_up else key, page="1")

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rows": [dict(row) for row in self.rows],
            "total": self.total,
            "page": self.asked.page,
            "pages": self.pages,
            "sort": _sort(self.asked) or None,
            "q": self.asked.text or None,
        }


def asked_of(params: Mapping[str, str], name: str, columns: Sequence[Column]) -> TableQuery:
    """How a table is asked for; what can't be read is as if it weren't there."""
    prefix = f"{name}." if name else ""
    sort = params.get(f"{prefix}sort", "")
    key = sort.removeprefix("-")
    is_known = any(column.key == key and column.sorts for column in columns)
    page = params.get(f"{prefix}page", "1")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
    text = params.get(f"{prefix}q", "").strip()[:_LONGEST]
    return TableQuery(key if is_known else None, sort.startswith("-"), text, min(max(number, 1), LAST_PAGE))


def table(
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    params: Mapping[str, str],
    empty: str = "There are none.",
    per_page: int = PER_PAGE,
) -> Table:
    """A page of all rows that there are."""
    asked = asked_of(params, name, columns)
    found = [row for row in rows if _holds(row, columns, asked.text)] if asked.text else list(rows)
    if asked.sort is not None:
        found.sort(key=lambda row: _order(row.get(asked.sort or "")), reverse=asked.is_down)
    last = max(1, -(-len(found) // per_page))
    asked = TableQuery(asked.sort, asked.is_down, asked.text, min(asked.page, last))
    first = (asked.page - 1) * per_page
    return Table(name, columns, found[first : first + per_page], asked, len(found), empty, params, per_page)


def _holds(row: Row, columns: Sequence[Column], text: str) -> bool:
    words = text.casefold().split()
    said = " ".join(str(row.get(column.key) or "") for column in columns).casefold()
    return all(word in said for word in words)


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers before texts; what isn't there last."""
    if value is None or value == "":
        return (2, 0.0, "")
    if isinstance(value, (int, float)):
        return (0, float(value), "")
    return (1, 0.0, str(value).casefold())


def _sort(asked: TableQuery) -> str:
    return f"{'-' if asked.is_down else ''}{asked.sort}" if asked.sort else ""
