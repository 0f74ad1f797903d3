"""`cdconf rollback`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names
from cdconf.cli.context import run_of
from cdconf.cli.options import connection_options, environment_argument, output_options, project_options


@click.command()
@environment_argument
@click.argument("app", required=False, shell_complete=app_names)
@project_options
@connection_options
@output_options
def command(environment: str, app: str | None, **flags: Any) -> None:
    """Go back to the last verified release of APP on ENV, by the same procedure as deploy.

    Example: cdconf rollback production shop
    """
    from cdconf.deploy.deployment import Deployment, app_hosts, rollback
    from cdconf.errors import UsageError, did_you_mean

    with run_of("rollback", environment, flags) as run:
        apps = run.project.apps
        if app is None and len(apps) != 1:
            raise UsageError("which app?", hint=f"there are: {', '.join(apps) or 'none'}")
        name = app or next(iter(apps))
        if name not in apps:
            raise UsageError(f"cdconf.yml has no app '{name}'", hint=did_you_mean(name, apps))
        run.start(app_hosts(run.project, run.environment, apps[name]))
        run.extra["app"] = name
        options = Deployment(flags["forks"], flags["accept_new_host_keys"], mask=run.mask)
        run.extra |= rollback(run.project, run.environment, apps[name], run.emit, options)
