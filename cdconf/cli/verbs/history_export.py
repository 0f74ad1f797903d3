"""`cdconf history export`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.history_filters import HistoryFlags, check_name, filter_options, wanted_of
from cdconf.cli.options import project_options


@click.command("export")
@environment_argument(metavar="[ENV]")
@project_options
@filter_options
@click.option("--events", is_flag=True, help="Include all events of each run.")
def command(environment: str | None, events: bool, **given: Any) -> None:
    """Write runs as JSON lines, the oldest first: one object per run, with everything that the history has on it.

    Example: cdconf history export production --since 90d > runs.jsonl
    """
    import json
    import sys
    from contextlib import closing

    from cdconf.history.finding import events_of
    from cdconf.history.team import history_of

    flags = HistoryFlags(**given)
    with run_of("history", None, flags) as run, closing(history_of(run.project)) as history:
        check_name("environment", environment, [*run.project.environments(), *history.environments()])
        rows = history.runs(limit=None, wanted=wanted_of(run, history, environment, flags))
        for row in reversed(rows):
            told = {"told": events_of(history, row["id"])} if events else {}
            sys.stdout.write(json.dumps({"schema_version": 1, **row, **told}, sort_keys=True) + "\n")
