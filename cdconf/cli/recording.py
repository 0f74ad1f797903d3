"""Writes a line of the history, and tells the team's database of it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.cli.tracing import send_trace

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.events import RunResult
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


def record_run(
    run: Run, result: RunResult, identifier: str | None, about: dict[str, Any], changes: Changes | None
) -> None:
    """Writes the line of a run.

    Args:
        run: The run.
        result: How it ended.
        identifier: Its row's id; None where it was about several environments, each of which has a line.
        about: What it was about, where the history doesn't call it as the verb is called.
        changes: What no commit has.
    """
    from cdconf import clocks
    from cdconf.history import journal

    is_own = result.environment in (None, run.environment_name) and run.environment_name is not None
    origin = origin_of(run.project, run.environment if is_own else None, changes, name=result.environment)
    if run.recorded_as is not None:
        ran = {name: result.extra[name] for name in journal.PROVEN if name in result.extra}
        result = replace(result, command=run.recorded_as, extra=about | ran)
    entry = journal.entry(result, run.started_at, run.project.root, run.collector.run, origin)
    entry |= journal.placed(run.collector.fences, clocks.difference(run.collector.clocks))
    entry |= {name: run.mask(entry[name]) for name in ("error", "detail") if entry[name]}
    if identifier is not None:
        committed = run.collector.committed_at
        entry |= {"id": identifier} | run.noted | ({"committed_at": committed} if committed else {})
        if _notifies():
            from cdconf.cli.notifying import tell

            tell(run, result, entry)
    record(run.project, entry)
    if identifier is not None:
        send_trace(run.project.data, entry)


def _notifies() -> bool:
    """Whether this operator wants notifications, see `notify.settings`: else no run imports anything for them."""
    mine = os.path.expanduser("~/.config/cdconf/notify.yml")  # noqa: PTH111  it's asked at the end of each run
    return bool(os.environ.get("CDCONF_NOTIFY")) or os.path.lexists(mine)


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
