"""`cdconf plan`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import (
    connection_options,
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
@click.option("--diff/--no-diff", default=True, help="Show differences line by line (default).")
@click.option("--prune", is_flag=True, help="Show what `provision --prune` would do.")
@output_options
def command(environment: str, **flags: Any) -> None:
    """Show what provision would change on ENV's hosts, and change nothing.

    Exit code 0: nothing would change; 2: something would; 4: a host was unreachable.

    Example: cdconf plan production --limit web1
    """
    from cdconf.deploy.provision import Options, provision

    with run_of("plan", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        options = Options(True, flags["forks"], flags["accept_new_host_keys"], prune=flags["prune"])
        run.code = provision(run.project, run.environment, lambda: run.compiler, hosts, run.emit, options)
