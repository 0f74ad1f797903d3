"""`cdconf drift`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.drift_told import DriftCommand, drift_run, machine_options
from cdconf.cli.options import (
    connection_options,
    environment_argument,
    no_code_option,
    output_options,
    project_options,
    selection_options,
)


@click.command(cls=DriftCommand)
@environment_argument
@project_options
@selection_options
@connection_options
@click.option("--diff/--no-diff", default=True, help="Show differences line by line (default).")
@machine_options
@no_code_option
@output_options
def command(environment: str, **flags: Any) -> None:
    """Compare ENV's hosts with what was last applied and with the files; change nothing.

    Exit code 0: no drift; 2: drift; 4: a host was unreachable (which is never "no drift"). Made for cron. Hosts
    that are kept out of use are named, and aren't drift. With --nagios: 0 none, 1 files that aren't applied, 2 changes
    by hand, 3 it can't be told.

    Example: cdconf drift production --json
    """
    from cdconf.cli.drained import say_kept
    from cdconf.cli.older import comparison
    from cdconf.deploy.drained import Drained
    from cdconf.deploy.provision import Options, provision

    with drift_run(environment, flags) as (run, _):
        hosts = run.selected()
        run.start(hosts)
        drained = Drained()
        options = Options(
            True,
            flags["forks"],
            flags["accept_new_host_keys"],
            releases=True,
            drained=drained,
            applied_from=comparison(run),
        )
        run.code = provision(run.project, run.environment, lambda: run.compiler, hosts, run.emit, options)
        run.extra["kept"] = say_kept(run, drained)
