"""`cdconf deploy`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import artifacts, environment_names
from cdconf.cli.context import run_of
from cdconf.cli.options import connection_options, output_options, project_options


@click.command()
@click.argument("artifact", shell_complete=artifacts)
@click.option(
    "--to", "environment", metavar="ENV", required=True, shell_complete=environment_names, help="The environment."
)
@project_options
@connection_options
@click.option("--unpin", metavar="REASON", help="Try an artifact again that failed here before.")
@output_options
def command(artifact: str, environment: str, unpin: str | None, **flags: Any) -> None:
    """Push ARTIFACT to ENV, batch by batch; verify it; roll every touched host back when anything fails.

    ARTIFACT is an app's name (the build of the nearest ancestor of HEAD), app@version, a digest prefix of 8 digits
    or more, or a file; a file that isn't in the artifact store is added to it.

    Example: cdconf deploy shop --to staging
    """
    from cdconf.deploy.deployment import Deployment, app_hosts, choose, deploy

    with run_of("deploy", environment, flags) as run:
        chosen = choose(run.project, artifact, run.emit)
        run.extra |= {"app": chosen.app, "version": chosen.version, "artifact": chosen.archive}
        if unpin:
            run.extra["unpinned"] = unpin
        run.start(app_hosts(run.project, run.environment, run.project.apps[chosen.app]))
        options = Deployment(flags["forks"], flags["accept_new_host_keys"], unpin, mask=run.mask)
        run.extra |= deploy(run.project, run.environment, chosen, run.emit, options)
