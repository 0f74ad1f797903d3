"""`cdconf history`: the group, and what shows runs."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.history_filters import HistoryFlags, check_name, filter_options, is_id, wanted_of
from cdconf.cli.options import output_options, project_options
from cdconf.cli.verbs.history_export import command as export
from cdconf.cli.verbs.history_mark import command as mark
from cdconf.cli.verbs.history_rebuild import command as rebuild
from cdconf.cli.verbs.history_verify import command as verify


class _History(click.Group):
    """`cdconf history staging` is `cdconf history show staging`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "-h", "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_History)
def command() -> None:
    """Show past runs. Export or verify the history, or rebuild it from the records that hosts keep.

    Example: cdconf history staging --limit 5
    """


command.add_command(export)
command.add_command(rebuild)
command.add_command(verify)
command.add_command(mark)


@command.command()
@environment_argument(name="what", metavar="[ENV|RUN]")
@project_options
@filter_options
@click.option("--limit", "count", metavar="N", type=click.IntRange(1), default=20, help="How many (default 20).")
@output_options
def show(what: str | None, count: int, **given: Any) -> None:
    """Show past runs, the newest first: every run that could change something, and how it ended.

    With the id of a RUN, or its first 8 or more characters, the whole output of that run is shown again. Runs that
    `history rebuild` added are marked; -v lists each of their events.

    Example: cdconf history show staging --kind deployment --since 30d
    """
    from cdconf.cli.killed_runs import killed_here
    from cdconf.cli.show.history_rows import events_of, row_of
    from cdconf.cli.show.stops import healed_among
    from cdconf.cli.show.tables import show as show_table
    from cdconf.cli.verbs.history_run import show_run
    from cdconf.history.team import history_of

    flags = HistoryFlags(**given)
    with run_of("history", None, flags) as run, closing(history_of(run.project)) as history:
        known = [*run.project.environments(), *history.environments()]
        if what is not None and what not in known and is_id(what):
            show_run(run, history, what)
            return
        check_name("environment", what, known)
        wanted = wanted_of(run, history, what, flags)
        runs = history.runs(limit=count, wanted=wanted)
        run.extra["killed"] = killed_here(run, history, what)
        run.extra["runs"] = runs
        healed = healed_among(run, runs)
        for one in runs:
            if one.get("overridden"):
                one["healed"] = one["overridden"] in healed
        if not flags.as_json:
            titles = ["when", "run", "command", "environment", "what", "result", "took", "who", "error"]
            here = run.project.checkout
            rows: list[list[str]] = []
            red: set[int] = set()
            for one in runs:
                red |= {len(rows)} if one.get("healed") is False else set()
                rows += [row_of(one, here), *events_of(one, flags.verbose)]
            show_table(titles, rows, red)
