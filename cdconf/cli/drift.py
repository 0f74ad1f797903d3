"""`cdconf drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.drift_told import DriftCommand, drift_run, machine_options
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import (
    connection_options,
    no_code_option,
    output_options,
    override_option,
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
@click.option("--fix", is_flag=True, help="Put back what somebody has changed by hand; see below.")
@click.option("--check", is_flag=True, help="With --fix: change nothing, and show what it would mend.")
@override_option
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
    """Compare ENV's hosts with what was last applied and with the files; change nothing, unless --fix is given.

    Each finding has its cause: changed by hand on the host, not applied yet from the files, both, or unknown. With
    --applied the files aren't read, so a finding names the fields that differ, and never their values.

    Exit code 0: no drift; 2: drift, or something that can't be told; 4: a host was unreachable (which is never "no
    drift"). Made for cron. Hosts that are kept out of use are named, and aren't drift. Findings that
    inventories/ENV/waivers.yml accepts, see `cdconf waiver`, are shown as waived, and aren't drift until their last day
    is over.

    With --fix, what somebody has changed by hand is put back, where the files still say what was applied: batch by
    batch, drained, with health checks and smoke tests, as `provision` does it, and past the same gates. So are a moved
    `current`, changed files and stopped services of a release that is verified. All else is left, and listed with the
    command that mends it: exit code 2. Waived findings are left, too.

    With --nagios: 0 none, 1 files that aren't applied, 2 changes by hand, 3 it can't be told.

    Example: cdconf drift production --json

    Example: cdconf drift production --applied

    Example: cdconf drift production --at origin/main

    Example: cdconf drift production --fix --check
    """
    from cdconf.cli.drift_looks import look_at_applied, look_at_files, reading_at
    from cdconf.cli.waived import waiving

    _check_flags(flags)
    with reading_at(flags) as (read, revision), drift_run(environment, flags, read) as (run, _):
        hosts = run.selected()
        emit = waiving(run)
        run.start(hosts)
        if flags["fix"]:
            from cdconf.cli.drift_fix import fix

            run.code = fix(run, hosts, emit, check=flags["check"])
        elif flags["applied"]:
            look_at_applied(run, hosts, emit)
        else:
            look_at_files(run, hosts, revision, emit)
        run.code = emit.exit_code(run.code)
        run.extra["waivers"] = emit.tell()
        _sum_up(run)


def _check_flags(flags: dict[str, Any]) -> None:
    from cdconf.errors import UsageError

    if flags["check"] and not flags["fix"]:
        raise UsageError("--check goes with --fix: without it, drift changes nothing anyway")
    if flags["override"] and (flags["check"] or not flags["fix"]):
        raise UsageError("--override passes a gate, and only --fix without --check meets one")
    if flags["fix"] and (flags["applied"] or flags["at"]):
        raise UsageError("--fix puts back what the files of the work tree say", hint="leave --applied and --at out")


def _sum_up(run: Run) -> None:
    from cdconf.drift.findings import counted, findings_of
    from cdconf.drift.summary import summary
    from cdconf.events import Notice

    found = findings_of(one for host in run.collector.hosts.values() for one in host.resources)
    run.extra["causes"] = counted(found)
    for line in summary(found):
        run.emit(Notice(line))
