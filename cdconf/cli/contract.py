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
@click.option("--check", is_flag=True, help="Show what would happen; run nothing.")
@click.option(
    "--forget-older", is_flag=True, help="Give up all releases that hosts could go back to, for good; then contract."
)
@override_option
@output_options
def command(app: str, environment: str, check: bool, forget_older: bool, override: str | None, **flags: Any) -> None:
    """Run the contract migration of the release of APP that runs on ENV: once, on one host, under a lease.

    It removes from the database what no release needs any more, which can't be undone. So it's refused, with exit
    code 3, while a host of the app runs another release, or could go back to one. Afterwards, neither rollback nor
    deploy goes to an older release. --check exits with 2 when it would run.

    Where ENV is guarded, it heeds change windows, freezes, and a line that is stopped.

    Example: cdconf contract shop --env production --forget-older
    """
    from cdconf.cli.passing import changing
    from cdconf.deploy.choose import named_app
    from cdconf.deploy.contract import Options, contract
    from cdconf.deploy.held import app_members

    with run_of("contract", environment, flags) as run:
        run.recorded = not check
        chosen = named_app(run.project, app)
        run.start(app_members(run.environment, chosen))
        run.extra["app"] = chosen.name
        gate = changing(run, "contract", chosen.name, override, check=check)
        options = Options(check, forget_older, flags["forks"], flags["accept_new_host_keys"], gate.again)
        run.code = contract(run.project, run.environment, chosen, run.emit, options, run.extra)
