"""Verifies the history of a checkout against what the artifact store's statements say of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from cdconf.history import journal_file
from cdconf.history.chain import head_of
from cdconf.history.reading import statements
from cdconf.history.team import history_of
from cdconf.history.verify import Claim, JournalFinding, SeenLine, Verified, lost, verify
from cdconf.pipeline.indexed import index_store

if TYPE_CHECKING:
    from cdconf.events import Emit
    from cdconf.history.index import History
    from cdconf.history.recorded import Statement
    from cdconf.inventory import Project


def verify_history(project: Project, emit: Emit) -> tuple[Verified, list[JournalFinding]]:
    """What's to be said of this checkout's journal, and of other checkouts' that statements know.

    Statements that nobody here believes say nothing: whoever may write to the store could have made them.

    Raises:
        ArtifactError: The store can't be read.
        CdconfError: The database, or the journal, can't be read.
    """
    with closing(history_of(project)) as history:
        index_store(project, history, emit)
        claims = [
            claim
            for statement in statements(history)
            if statement.refusal is None and (claim := _claim(statement)) is not None
        ]
        seen = _seen(history)
    lines, _ = journal_file.read(project.data)
    own = project.checkout
    mine = verify(
        own, lines, seen.get(own if history.is_team else "", ()), [one for one in claims if one.checkout == own]
    )
    return mine, lost(own, claims, seen)


def _claim(statement: Statement) -> Claim | None:
    found = statement.body.get("journal")
    head = head_of(found, least=1)
    checkout = found.get("checkout") if isinstance(found, Mapping) else None
    return (
        Claim(statement.name, checkout, head, statement.at) if head is not None and isinstance(checkout, str) else None
    )


def _seen(history: History) -> dict[str, list[SeenLine]]:
    table = history.tables.later.journal_lines
    query = history.sa.select(table.c.checkout, table.c.number, table.c.link, table.c.id, table.c.digest)
    found: dict[str, list[SeenLine]] = {}
    with history.reading() as connection:
        for checkout, *about in connection.execute(query):
            found.setdefault(checkout, []).append(SeenLine(*about))
    return found
