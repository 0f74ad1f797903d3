"""`cdconf rollback`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names, stored_versions
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import connection_options, limit_option, output_options, project_options


@click.command()
@environment_argument
@click.argument("app", required=False, shell_complete=app_names)
@project_options
@limit_option
@connection_options
@click.option(
    "--to",
    "version",
    metavar="VERSION",
    shell_complete=stored_versions,
    help="Go back to this version, which must have been verified here.",
)
@output_options
def command(environment: str, app: str | None, version: str | None, **flags: Any) -> None:
    """Go back to the last verified release of APP on ENV, in the same steps as a deployment. No gate is checked.

    If ENV belongs to a stage and the stage's key is on this machine, the release that you leave is also stopped. A
    rollback skips stopped releases unless --to names one.

    With --limit, only those hosts go back: it takes back a release that only they were given.

    Example: cdconf rollback production shop
    """
    from cdconf.artifacts.choose import named_app
    from cdconf.cli.deploy_check import limit_of
    from cdconf.cli.promotion_checks import stage_run
    from cdconf.deploy.deployment import DeployOptions, rollback, touched_hosts

    with run_of("rollback", environment, flags) as run:
        chosen = named_app(run.project, app)
        run.start(touched_hosts(run.project, run.environment, chosen))
        run.extra["app"] = chosen.name
        line = stage_run(run, None)
        limit = limit_of(run, chosen)
        options = DeployOptions(run.flags.connecting, to=version, limit=limit, line=line, mask=run.mask)
        run.extra |= rollback(run.project, run.environment, chosen, run.emit, options)
