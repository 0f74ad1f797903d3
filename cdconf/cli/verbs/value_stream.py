"""`cdconf value-stream`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import app_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.render.value_stream.words import Shown


@click.command()
@click.option("--app", metavar="APP", shell_complete=app_names, help="Only this app.")
@environment_option("--to", "--env", text="The environment in which a change ends (default: the pipeline's last one).")
@click.option("--since", metavar="TIME", default="30d", help="How far back: 30d, 12h, or a date (default 30d).")
@click.option("--svg", "svg_file", metavar="FILE", type=click.Path(), help="Also write the map as an SVG picture.")
@click.option(
    "--html", "html_file", metavar="FILE", type=click.Path(), help="Also write a web page with the map and all tables."
)
@project_options
@output_options
def command(
    app: str | None,
    environment: str | None,
    since: str,
    svg_file: str | None,
    html_file: str | None,
    **flags: Any,
) -> None:
    """Show how long changes take from commit to ENV, and where that time goes.

    For each stage, the time is divided into work, queue, and waiting for people. Below stand DORA's five metrics for
    each app's deployments. The data comes from the history, the artifact store and git; no host is contacted. -v also
    shows each single change.

    Example: cdconf value-stream --to production --since 90d --html stream.html
    """
    from cdconf.history.team import history_of
    from cdconf.pipeline.value_stream.as_data import stream_data
    from cdconf.pipeline.value_stream.reading import destination, known_of

    with run_of("value-stream", None, flags) as run:
        to = environment or destination(run.project)
        history = history_of(run.project)
        try:
            _check(run.project, to, app, [*history.environments()], history.apps())
            known = known_of(run.project, history, to, run.emit)
        finally:
            history.close()
        begin = _since(since, known.now)
        every = [app] if app else _apps(run.project, {deployment.app for deployment in known.deployments})
        found = [_shown(known, one, begin) for one in every]
        for file, write in ((svg_file, _svg), (html_file, _html)):
            if file is not None:
                _write(run.project, file, write(found))
        run.extra["value_stream"] = {
            "to": to,
            "since": round(begin, 3),
            "now": round(known.now, 3),
            "apps": {shown.stream.app: stream_data(shown.stream, shown.dora) for shown in found},
        }
        if not run.flags.as_json:
            _print(found, run.flags.verbose)


def _check(project: Project, to: str, app: str | None, environments: list[str], apps: list[str]) -> None:
    from cdconf.cli.history_filters import check_name
    from cdconf.errors import UsageError

    if to in project.throwaways():
        hint = "say which environment stays: --to ENV"
        raise UsageError(f"{to} is a throw-away copy: what goes there isn't a deployment", hint=hint)
    check_name("environment", to, [*project.environments(), *environments])
    check_name("app", app, [*project.apps, *apps])


def _apps(project: Project, deployed: set[str]) -> list[str]:
    return [app for app in project.apps if app in deployed] + sorted(deployed - set(project.apps)) or [*project.apps]


def _since(text: str, now: float) -> float:
    """Seconds since 1970 of a length of time before now, or of a date."""
    from datetime import UTC, datetime

    from cdconf.errors import UsageError
    from cdconf.inventory.values import seconds_of

    length = seconds_of(text)
    if length is not None and 0 < length < now:
        return now - length
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since '{text}' is neither a length of time nor a date", hint="30d, 12h, 2026-03-01"
        ) from None
    found = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if found >= now:
        raise UsageError(f"--since '{text}' isn't in the past")
    return found


def _shown(known: Any, app: str, since: float) -> Shown:
    from cdconf.pipeline.value_stream.dora import dora
    from cdconf.pipeline.value_stream.stream import stream
    from cdconf.render.value_stream.words import Shown

    found = stream(known, app, since)
    own = [deployment for deployment in known.deployments if deployment.app == app]
    return Shown(found, dora(found, own, known.marks, known.now), known.environment, known.now)


def _svg(found: list[Shown]) -> str:
    from cdconf.render.value_stream.svg import picture

    return picture(found)


def _html(found: list[Shown]) -> str:
    from cdconf.render.value_stream.html import page

    return page(found)


def _write(project: Project, file: str, text: str) -> None:
    """Writes a file that the command line names, beside where it's called from."""
    from cdconf.errors import CdconfError

    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CdconfError(f"{file} can't be written: {error.strerror}") from error


def _print(found: list[Shown], verbose: bool) -> None:
    import shutil

    from cdconf.cli.verbs.pipeline_status import coloured
    from cdconf.render.value_stream.terminal import WIDTH, lines

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    is_plain = "utf" not in (sys.stdout.encoding or "").lower()
    for place, shown in enumerate(found):
        if place:
            click.echo()
        for line in coloured(lines(shown, width, is_plain=is_plain, ways=verbose)):
            click.echo(line)
