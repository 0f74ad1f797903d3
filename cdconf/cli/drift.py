"""`cdconf drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from cdconf.cli.context import Run


@click.command(cls=DriftCommand)
@environment_argument
@project_options
@selection_options
@connection_options
@click.option("--diff/--no-diff", default=True, help="Show differences line by line (default).")
@click.option(
    "--applied",
    is_flag=True,
    help="Have each host compare itself with what was applied, and with nothing else: needs no roles and no secrets.",
)
@click.option("--at", metavar="REV", help="Compare with the files at a git revision (default: the work tree).")
@machine_options
@no_code_option
@output_options
def command(environment: str, **flags: Any) -> None:
    """Compare ENV's hosts with what was last applied and with the files; change nothing.

    Each finding has its cause: changed by hand on the host, not applied yet from the files, both, or unknown. With
    --applied the files aren't read, so a finding names the fields that differ, and never their values.

    Exit code 0: no drift; 2: drift, or something that can't be told; 4: a host was unreachable (which is never "no
    drift"). Made for cron. Hosts that are kept out of use are named, and aren't drift.

    With --nagios: 0 none, 1 files that aren't applied, 2 changes by hand, 3 it can't be told.

    Example: cdconf drift production --json

    Example: cdconf drift production --applied

    Example: cdconf drift production --at origin/main
    """
    from cdconf.cli.drift_looks import look_at_applied, look_at_files, reading_at

    with reading_at(flags) as (read, revision), drift_run(environment, flags, read) as (run, _):
        hosts = run.selected()
        run.start(hosts)
        if flags["applied"]:
            look_at_applied(run, hosts)
        else:
            look_at_files(run, hosts, revision)
        _sum_up(run)


def _sum_up(run: Run) -> None:
    from cdconf.drift.findings import counted, findings_of
    from cdconf.drift.summary import summary
    from cdconf.events import Notice

    found = findings_of(one for host in run.collector.hosts.values() for one in host.resources)
    run.extra["causes"] = counted(found)
    for line in summary(found):
        run.emit(Notice(line))
