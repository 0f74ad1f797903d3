"""`cdconf drift`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import (
    connection_options,
    environment_argument,
    no_code_option,
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
@no_code_option
@output_options
def command(environment: str, **flags: Any) -> None:
    """Compare ENV's hosts with what was last applied and with the files; change nothing.

    Exit code 0: no drift; 2: drift; 4: a host was unreachable (which is never "no drift"). Made for cron. Hosts
    that are kept out of use are named, and aren't drift. Findings that inventories/ENV/waivers.yml accepts, see
    `cdconf waiver`, are shown as waived, and aren't drift until their last day is over.

    Example: cdconf drift production --json
    """
    from cdconf.cli.drained import say_kept
    from cdconf.cli.older import comparison
    from cdconf.cli.waived import waiving
    from cdconf.deploy.drained import Drained
    from cdconf.deploy.provision import Options, provision

    with run_of("drift", environment, flags) as run:
        hosts = run.selected()
        emit = waiving(run)
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
        code = provision(run.project, run.environment, lambda: run.compiler, hosts, emit, options)
        run.code = emit.exit_code(code)
        run.extra["waivers"] = emit.tell()
        run.extra["kept"] = say_kept(run, drained)
