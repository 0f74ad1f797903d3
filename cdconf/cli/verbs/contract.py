"""`cdconf contract`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import connection_options, output_options, override_option, project_options


@click.command()
@click.argument("app", shell_complete=app_names)
@environment_option("--env", "--to", required=True, text="Where.")
@project_options
@connection_options
@click.option("--check", is_flag=True, help="Only show what would happen.")
@click.option(
    "--forget-older", is_flag=True, help="First remove all older releases that hosts could roll back to, for good."
)
@override_option
@output_options
def command(app: str, environment: str, check: bool, forget_older: bool, override: str | None, **flags: Any) -> None:
    """Run the contract migration of APP's current release on ENV: once, on one host, under a lease.

    A contract migration removes what no release needs any more, and can't be undone. So it is refused with exit code 3
    while any host of the app runs, or could roll back to, another release. Afterwards rollback and deploy refuse older
    releases. With --check, exit code 2 means that it would run.

    In a gated ENV, change windows, freezes and stops apply.

    Example: cdconf contract shop --env production --forget-older
    """
    from cdconf.artifacts.choose import named_app
    from cdconf.cli.promotion_checks import changing
    from cdconf.deploy.contract import ContractOptions
    from cdconf.deploy.contracting import contract
    from cdconf.deploy.held_hosts import app_members

    with run_of("contract", environment, flags) as run:
        run.recorded = not check
        chosen = named_app(run.project, app)
        run.start(app_members(run.environment, chosen))
        run.extra["app"] = chosen.name
        gate = changing(run, "contract", chosen.name, override, check=check)
        options = ContractOptions(check, forget_older, run.flags.connecting, gate.again)
        run.code = contract(run.project, run.environment, chosen, run.emit, options, run.extra)
