"""`cdconf history`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names, environment_names
from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options


def _check(what: str, name: str | None, known: list[str]) -> None:
    """A misspelt name isn't a name without history."""
    from cdconf.errors import UsageError, did_you_mean

    if name is not None and name not in known:
        hint = did_you_mean(name, known) or f"there are: {', '.join(sorted(set(known))) or 'none'}"
        raise UsageError(f"there is no {what} '{name}', nor was there one", hint=hint)


def _what(one: dict[str, Any]) -> str:
    """What a run was about, in a few words."""
    if one["command"] == "toggle":
        return f"{one['app'] or ''} {one['detail'] or ''}".strip()[:60]
    return f"{one['app']}@{one['version']}" if one["version"] else one["app"] or (one["detail"] or "")[:60]


@click.command()
@click.argument("environment", required=False, shell_complete=environment_names)
@project_options
@click.option("--app", metavar="APP", shell_complete=app_names, help="Only runs of this app.")
@click.option("--limit", "count", metavar="N", type=click.IntRange(1), default=20, help="How many (default 20).")
@output_options
def command(environment: str | None, app: str | None, count: int, **flags: Any) -> None:
    """Show what happened, the newest first: every run that could change something, and how it ended.

    Example: cdconf history staging --limit 5
    """
    from datetime import datetime

    from cdconf.cli.tables import show
    from cdconf.history.index import History

    with run_of("history", None, flags) as run:
        history = History(run.project.data)
        _check("environment", environment, [*run.project.environments(), *history.environments()])
        _check("app", app, [*run.project.apps, *history.apps()])
        runs = history.runs(environment, app, count)
        run.extra["runs"] = runs
        if not flags["as_json"]:
            rows = [
                [
                    datetime.fromtimestamp(one["started_at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                    one["command"],
                    one["environment"] or "",
                    _what(one),
                    "ok" if one["exit_code"] == 0 else f"exit {one['exit_code']}",
                    f"{one['duration_s']:.1f} s",
                    one["user"],
                    (one["error"] or "")[:80],
                ]
                for one in runs
            ]
            show(["when", "command", "environment", "what", "result", "took", "who", "error"], rows)
