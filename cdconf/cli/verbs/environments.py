"""`cdconf environments`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import connection_options, output_options, project_options


@click.command()
@project_options
@click.option("--live", is_flag=True, help="Ask the hosts what they run, instead of reading the history.")
@connection_options
@output_options
def command(live: bool, **flags: Any) -> None:
    """List all environments: provider, number of running hosts, age, end of life, and the releases that run there.

    The releases come from the history: each app's last successful deployment or rollback, by this checkout, or by the
    whole team if its history is in a database. --live asks the hosts instead; exit code 4: a host didn't answer.

    An environment whose files are broken is listed with its error, and the exit code is 1.

    Example: cdconf environments
    """
    from cdconf.cli.show.environment_rows import LastDeployed, about, asked, known, row_of
    from cdconf.cli.show.tables import show
    from cdconf.environments.listing import listed
    from cdconf.errors import InvalidFile, worst_exit
    from cdconf.events import Notice

    with run_of("environments", None, flags) as run:
        environments = list(listed(run.project))
        deployed = LastDeployed() if live else known(run)
        rows = []
        for environment in environments:
            live_here = asked(run, environment) if live else None
            runs = live_here or deployed.of(environment)
            rows.append(row_of(environment, runs))
            run.extra.setdefault("environments", {})[environment.name] = about(environment, runs)
            if isinstance(environment.error, InvalidFile):
                run.code = worst_exit([run.code, environment.error.exit_code])
                hint = f" ({environment.error.hint})" if environment.error.hint else ""
                run.emit(Notice(f"{environment.name} can't be read: {environment.error}{hint}", warning=True))
        if not run.flags.as_json:
            heads = ["environment", "provider", "copy of", "hosts", "age", "ends", "runs" if live else "last deployed"]
            show(heads, rows)
