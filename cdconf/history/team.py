"""A project's history: the checkout's own, or the team's, which every run tells what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.errors import CdconfError
from cdconf.history.database import TEAM, url_of
from cdconf.patience import TookTooLong, told, within

if TYPE_CHECKING:
    from cdconf.history.index import History
    from cdconf.inventory import Project

PATIENCE = 15.0  # seconds for which a run that has ended waits for the team's database


def history_of(project: Project) -> History:
    """The project's history, up to date with this checkout's journal.

    Raises:
        CdconfError: The database can't be reached or read.
    """
    from cdconf.history.index import History
    from cdconf.history.killed import record_killed

    record_killed(project.data)
    url = url_of(project.database)
    if url is None:
        return History(project.data)
    with told(TEAM):
        return History(project.data, url, project.name, project.checkout)


def push(project: Project) -> str | None:
    """Tells the team's database what this checkout's journal has; does nothing without one.

    Returns:
        Why that wasn't possible: the journal keeps what it has for the next time. None when it was.
    """
    if url_of(project.database) is None:
        return None
    try:
        with told(TEAM):
            within(PATIENCE, lambda: history_of(project).close())
    except CdconfError as error:
        return error.message
    except TookTooLong:
        return f"its database said nothing for {PATIENCE:g} s: it hangs"
    return None
