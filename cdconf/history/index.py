"""The index of history: a database that is brought up to date from the journal, and can be built again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.history.database import Database, failure_of
from cdconf.history.deployed import deployed, is_forgotten, remember
from cdconf.history.killed import SOURCE
from cdconf.history.rows import RunFilter, parsed, read_rows
from cdconf.history.taking_in import TakingIn

if TYPE_CHECKING:
    import sqlalchemy as sa

    from cdconf.history.tables import Tables


class History:
    """One project's history.

    Args:
        data: The project's `.cdconf/`.
        url: The team's database; None: the checkout's own.
        project: The project's name, since several may share a team's database.
        checkout: Tells this checkout's journal, and its own environments, from others' in a team's database.

    Attributes:
        sa: SQLAlchemy, which is imported with the first history.
        is_team: Whether it's a team's.
    """

    def __init__(self, data: Path, url: str | None = None, project: str = "", checkout: str = "") -> None:
        import sqlalchemy as sa

        self.sa = sa
        self.is_team = url is not None
        self._data, self._url = data, url
        self.project = project
        self.checkout = checkout
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
        """Brings in what the journal has since the last time."""
        with self._database.engine.begin() as connection:
            taken = TakingIn(self._database, self._data, self.project, self.checkout).take_in(connection)
            if taken or is_forgotten(self, connection):
                remember(self, connection, self._database.insert(self.tables.later.last_deployed), taken)

    def environments(self) -> list[str]:
        """Every environment that has a history, whether or not it exists any more.

        One whose hosts are another checkout's is `NAME@CHECKOUT`.
        """
        sa, runs = self.sa, self._runs
        owner = self._owner()
        query = sa.select(runs.c.environment, owner).distinct()
        query = query.where(runs.c.environment.is_not(None), runs.c.project == self.project)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return sorted({named(name, _text(parsed(of)), self.checkout) for name, of in rows})

    @property
    def tables(self) -> Tables:
        """The tables."""
        return self._database.tables

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection for questions; raises `CdconfError` when they can't be answered."""
        return self._database.reading()

    def replace(self, table: sa.Table, rows: list[dict[str, Any]], keys: Sequence[str]) -> None:
        """Puts rows into a table, in place of those with the same keys.

        Raises:
            CdconfError: The database can't be written to.
        """
        try:
            with self._database.engine.begin() as connection:
                fresh = self._database.insert(table)
                values = {one.name: fresh.excluded[one.name] for one in table.c if one.name not in keys}
                connection.execute(fresh.on_conflict_do_update(index_elements=list(keys), set_=values), rows)
        except self.sa.exc.SQLAlchemyError as error:
            raise failure_of(error, self._data, self._url) from error

    def _owner(self) -> Any:
        """Of a run, the checkout whose own hosts it was about, as JSON; NULL where they're everybody's."""
        runs, fields = self._runs, self._database.tables.run_fields.alias()
        return (
            self.sa.select(fields.c.value)
            .where(fields.c.id == runs.c.id, fields.c.name == "environment_of")
            .correlate(runs)
            .scalar_subquery()
        )

    def is_of(self, checkout: str) -> Any:
        """Whether a run was about this checkout's own hosts, as SQL."""
        return self._owner() == json.dumps(checkout)

    def is_here(self) -> Any:
        """Whether a run was about hosts that this checkout can mean; a checkout's own history has no others."""
        owner = self._owner()
        mine = owner.is_(None) | (owner == json.dumps(self.checkout))
        return mine if self.checkout else self.sa.true()

    def apps(self) -> list[str]:
        """Every app that has a history, whether or not it exists any more."""
        return self._values(self._runs.c.app)

    def known(self, runs: Iterable[str]) -> set[str]:
        """Of these ids by which hosts know runs, those that the history has; of killed ones it knows the least."""
        column, source = self._runs.c.run, self._runs.c.source
        query = self.sa.select(column).where(column.in_(list(runs)), self._runs.c.project == self.project)
        query = query.where(source != SOURCE)
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def _values(self, column: Any) -> list[str]:
        query = self.sa.select(column).where(column.is_not(None), self._runs.c.project == self.project).distinct()
        with self._database.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def deployed(self) -> list[dict[str, Any]]:
        """Of each environment and app, the last deployment or rollback that ended well.

        Returns:
            `{"environment", "app", "version", "started_at", "ordered_at", "command", "user"}` each; times are in
            seconds since 1970: by the clock of the run's own machine, and by its hosts'.
        """
        return deployed(self)

    def runs(
        self,
        environment: str | None = None,
        app: str | None = None,
        limit: int | None = 20,
        wanted: RunFilter | None = None,
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
            wanted: What else is wanted of them; then it says environment and app, too.

        Raises:
            CdconfError: The database can't be read.
        """
        return read_rows(self, wanted or RunFilter(environment, app), limit)


def named(environment: str, of: str | None, checkout: str) -> str:
    """How an environment is called in this checkout: `try-2`, or `try-2@1a2b3c4d` when its hosts are another's."""
    return f"{environment}@{of}" if of and checkout and of != checkout else environment


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
