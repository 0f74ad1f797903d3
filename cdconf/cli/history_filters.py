"""Which runs `history show` and `history export` are about."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cdconf.cli.complete import app_names
from cdconf.cli.flags import Flags
from cdconf.history.kinds import COMMANDS

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.history.index import History
    from cdconf.history.rows import RunFilter

Function = TypeVar("Function", bound=Callable[..., Any])
_ID = re.compile(r"(rebuilt-)?[0-9a-f][0-9a-f-]{7,}")


@dataclass
class HistoryFlags(Flags):
    """The options by which runs of the history are chosen."""

    app: str | None = None
    host: str | None = None
    who: str | None = None
    kinds: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None


def filter_options(function: Function) -> Function:
    """The options by which runs are chosen."""
    kinds = click.Choice(list(COMMANDS))
    when = "2026-11-30, 2026-11-30T14:00, or 30d or 12h ago."
    for option in (
        click.option(
            "--until", metavar="TIME", help="Only runs that began before this time; TIME is written as in --since."
        ),
        click.option("--since", metavar="TIME", help=f"Only runs that began at this time or later: {when}"),
        click.option("--kind", "kinds", multiple=True, type=kinds, help="Only runs of this kind; may be repeated."),
        click.option("--who", metavar="USER", help="Only runs that this user started."),
        click.option("--host", metavar="HOST", help="Only runs that included this host."),
        click.option("--app", metavar="APP", shell_complete=app_names, help="Only runs of this app."),
    ):
        function = option(function)
    return function


def is_id(word: str) -> bool:
    """Whether a word may be a run's id, or the beginning of one."""
    return _ID.fullmatch(word) is not None


def wanted_of(run: Run, history: History, environment: str | None, flags: HistoryFlags) -> RunFilter:
    """What the options choose.

    Raises:
        UsageError: No app has such a name, or a time can't be read.
    """
    from cdconf.cli.times import moment
    from cdconf.history.rows import RunFilter

    check_name("app", flags.app, [*run.project.apps, *history.apps()])
    now = time.time()
    return RunFilter(
        environment=environment,
        app=flags.app,
        host=flags.host,
        user=flags.who,
        kinds=tuple(flags.kinds),
        since=moment("--since", flags.since, now),
        until=moment("--until", flags.until, now),
    )


def check_name(what: str, name: str | None, known: list[str]) -> None:
    """A misspelt name isn't a name without history.

    Raises:
        UsageError: It isn't among the known ones.
    """
    from cdconf.errors import UsageError, did_you_mean

    if name is not None and name not in known:
        hint = did_you_mean(name, known) or f"there are: {', '.join(sorted(set(known))) or 'none'}"
        raise UsageError(f"there is no {what} '{name}', and the history has none", hint=hint)
