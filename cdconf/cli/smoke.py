"""`cdconf smoke`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import (
    connection_options,
    environment_argument,
    limit_option,
    output_options,
    project_options,
)


@click.command()
@environment_argument
@project_options
@limit_option
@connection_options
@click.option("--junit", metavar="FILE", type=click.Path(dir_okay=False), help="Write JUnit XML.")
@output_options
def command(environment: str, junit: str | None, **flags: Any) -> None:
    """Run the roles' smoke tests (testinfra) on ENV's hosts. No test collected is a failure.

    Example: cdconf smoke staging --junit smoke.xml
    """
    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.plan_file import check_out
    from cdconf.deploy.verify import smoke
    from cdconf.errors import FAILED, worst_exit
    from cdconf.events import HostDone

    check_out(junit, "--junit")
    with run_of("smoke", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        with fleet_of(run, hosts) as fleet:
            live = [session.host for session in fleet.sessions.values()]
            failures = smoke(run.project, run.environment, fleet, live, run.emit) if live else {}
        for host in live:
            failure = failures.get(host.name)
            run.emit(HostDone(host.name, "failed" if failure else "ok", failure.message if failure else None))
        run.code = worst_exit([run.code, FAILED if failures else 0])
        if junit:
            from cdconf.render.junit import write

            write(junit, run.environment.name, run.collector.hosts, run.mask)
