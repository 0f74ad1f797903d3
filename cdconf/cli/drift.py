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
    that are kept out of use are named, and aren't drift.

    Example: cdconf drift production --json
    """
    from cdconf.cli.drained import say_kept
    from cdconf.cli.older import comparison
    from cdconf.deploy.drained import Drained
    from cdconf.deploy.provision import Options, provision
    from cdconf.drift.findings import counted, findings_of
    from cdconf.drift.summary import summary
    from cdconf.events import Notice

    with run_of("drift", environment, flags) as run:
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
        found = findings_of(one for host in run.collector.hosts.values() for one in host.resources)
        run.extra["causes"] = counted(found)
        for line in summary(found):
            run.emit(Notice(line))
