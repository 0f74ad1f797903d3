"""`cdconf rollback`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names, stored_versions
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import connection_options, output_options, project_options


@click.command()
@environment_argument
@click.argument("app", required=False, shell_complete=app_names)
@project_options
@connection_options
@click.option(
    "--to",
    "version",
    metavar="VERSION",
    shell_complete=stored_versions,
    help="This version instead, which must have been verified here.",
)
@output_options
def command(environment: str, app: str | None, version: str | None, **flags: Any) -> None:
    """Go back to the last verified release of APP on ENV, by the same procedure as deploy. No gate stands in the way.

    What it goes back from is stopped, where a stage names ENV and its key is here; releases that were stopped are
    skipped, unless --to names one.

    Example: cdconf rollback production shop
    """
    from cdconf.cli.passing import stage_run
    from cdconf.deploy.choose import named_app
    from cdconf.deploy.deployment import Deployment, rollback, touched_hosts

    with run_of("rollback", environment, flags) as run:
        chosen = named_app(run.project, app)
        run.start(touched_hosts(run.project, run.environment, chosen))
        run.extra["app"] = chosen.name
        line = stage_run(run, None)
        options = Deployment(flags["forks"], flags["accept_new_host_keys"], to=version, line=line, mask=run.mask)
        run.extra |= rollback(run.project, run.environment, chosen, run.emit, options)
