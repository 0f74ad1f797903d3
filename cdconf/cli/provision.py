"""`cdconf provision`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import (
    connection_options,
    diff_option,
    environment_argument,
    output_options,
    project_options,
    selection_options,
)


@click.command()
@environment_argument
@project_options
@selection_options
@connection_options
@click.option("--check", is_flag=True, help="Change nothing; the same as `cdconf plan`.")
@diff_option
@click.option("--prune", is_flag=True, help="Remove what was applied once and has gone from the files.")
@output_options
def command(environment: str, check: bool, **flags: Any) -> None:
    """Make ENV's hosts where a provider can, then converge every host to its catalog, group by group.

    A run takes a lease on every host first, stops after the first group in which something fails, and changes
    nothing on hosts that are as they should be.

    Example: cdconf provision staging --limit web --diff
    """
    from cdconf.deploy.provision import Options, provision

    with run_of("provision", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        options = Options(check, flags["forks"], flags["accept_new_host_keys"], prune=flags["prune"])
        run.code = provision(run.project, run.environment, lambda: run.compiler, hosts, run.emit, options)
