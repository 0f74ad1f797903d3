"""Writes a line of the history, and tells the team's database of it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.history.journal import Origin
    from cdconf.history.worktree import Changes
    from cdconf.inventory import Environment, Project


def origin_of(
    project: Project, environment: Environment | None, changes: Changes | None, *, name: str | None
) -> Origin:
    """Where a run came from.

    Args:
        project: The project.
        environment: The environment that it was about, if its files are known.
        changes: What no commit has.
        name: The environment's name. One that isn't known any more was a throw-away one, of this checkout.
    """
    from cdconf.history.journal import Origin

    is_own = environment.provider != "existing" if environment is not None else name is not None
    return Origin(project.checkout, project.checkout if is_own else None, changes)


def record(project: Project, entry: dict[str, Any]) -> None:
    """Appends a line to the journal; a team's database that can't be reached gets it with a later run."""
    from cdconf.history import journal_file
    from cdconf.history.team import push

    try:
        journal_file.append(project.data, entry)
    except OSError as error:
        print(f"warning: the run couldn't be recorded: {error}", file=sys.stderr)
        return
    problem = push(project)
    if problem is not None:
        print(f"warning: the team's history doesn't have this run yet: {problem}", file=sys.stderr)


def record_change(project: Project, command: str, detail: str, environment: Environment | None = None) -> None:
    """Writes the line of a verb that has done something here, and on no host.

    Args:
        project: The project.
        command: What the history calls it: `secret set`.
        detail: What it did it to; never a secret's value.
        environment: The environment that it was about.
    """
    from cdconf.events import RunResult
    from cdconf.history import journal
    from cdconf.history.worktree import WorkTree

    name = environment.name if environment is not None else None
    origin = origin_of(project, environment, WorkTree(project.root).changes(), name=name)
    result = RunResult(command, name, extra={"detail": detail})
    record(project, journal.entry(result, time.time(), project.root, None, origin))
