"""`cdconf destroy`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import environment_argument, output_options, project_options, yes_option


@click.command()
@environment_argument
@project_options
@yes_option
@click.option("--images", is_flag=True, help="Remove the images and snapshots that hosts are made of, too.")
@output_options
def command(environment: str, yes: bool, images: bool, **flags: Any) -> None:
    """Remove ENV's hosts, their network, keys and generated secrets. Refuses where the provider is `existing`.

    Example: cdconf destroy staging --yes
    """
    from cdconf.cli.ask import confirm
    from cdconf.environments import provider_for
    from cdconf.events import Notice
    from cdconf.facts import FactCache

    with run_of("destroy", environment, flags) as run:
        provider = provider_for(run.project, run.environment)
        if run.environment.provider != "existing":
            confirm(f"Remove all hosts of {environment} with everything on them?", yes=yes)
        removed = provider.destroy(run.emit)
        FactCache(run.project.data, run.environment.name).forget()
        if run.environment.provider == "docker":
            from cdconf.environments.docker_snapshots import remove_builders

            remove_builders(run.project)
        if images:
            from cdconf.environments.docker_hosts import remove_images
            from cdconf.environments.docker_snapshots import remove_snapshots

            removed += remove_snapshots(run.project, run.emit) + remove_images(run.emit)
        run.extra["removed"] = removed
        run.emit(Notice(f"removed: {', '.join(removed)}" if removed else f"{environment} has nothing to remove"))
