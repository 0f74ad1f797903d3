"""What a screen answers: a page, which is the same as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError
from cdconf.web.tabling import Table

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: Its heading.
        template: The file that shows it.
        data: All that it shows beside its tables; JSON has the same.
        tables: By name.
        section: The entry of the navigation that it belongs to.
        problems: What couldn't be read, each with a hint.
    """

    title: str
    template: str
    section: str
    data: Mapping[str, Any]
    tables: Mapping[str, Table] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        tables = {name: table.as_data() for name, table in self.tables.items()}
        return {"schema_version": 1, "title": self.title, **self.data, "tables": tables, "problems": self.problems}


@dataclass(frozen=True)
class Ask:
    """What a page is asked for.

    Attributes:
        sources: What it's made of.
        params: The query.
        path: What the address names.
        now: Seconds since 1970.
    """

    sources: Sources
    params: Mapping[str, str]
    path: Mapping[str, str]
    now: float


class NotThere(CdconfError):
    """The address names something that isn't there."""
