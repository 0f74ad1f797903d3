"""`cdconf drift`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import (
    connection_options,
    no_code_option,
    output_options,
    override_option,
    project_options,
    selection_options,
)
from cdconf.cli.show.drift_reports import DriftCommand, DriftFlags, drift_run, machine_options

if TYPE_CHECKING:
    from cdconf.cli.context import Run


@click.command(cls=DriftCommand)
@environment_argument
@project_options
@selection_options
@connection_options
@click.option("--diff/--no-diff", default=True, help="Show differences line by line (default).")
@click.option("--fix", is_flag=True, help="Undo changes made by hand; see above.")
@click.option("--check", is_flag=True, help="With --fix: change nothing; show what would be repaired.")
@override_option
@click.option(
    "--applied",
    is_flag=True,
    help="Compare each host only with what was last applied to it; needs no roles and no secrets.",
)
@click.option("--at", metavar="REV", help="Compare with the files at this git revision (default: the work tree).")
@machine_options
@no_code_option
@output_options
def command(environment: str, **given: Any) -> None:
    """Compare ENV's hosts with what was last applied and with the files. Without --fix, nothing is changed.

    Each finding has a cause: changed by hand on the host, not yet applied from the files, both, or unknown. --applied
    compares without the project's roles and secrets. Its findings name the fields that differ, but not their values.

    Exit code 0: no drift. 2: drift, or a resource that couldn't be compared. 4: a host was unreachable, which never
    counts as "no drift". Findings with a waiver (see `cdconf waiver`) are shown, but don't count until the waiver's
    last day is over. Drained hosts are named, but aren't drift.

    --fix undoes changes made by hand, where the files still say what was last applied. It works like `provision`:
    through the same gates, batch by batch, with drains, health checks and smoke tests. In verified releases it also
    repairs a moved `current` link, changed files and stopped services. It lists every other finding with the command
    that repairs it, and exits with 2. It never changes what a waiver accepts.

    Exit codes with --nagios: 0 no drift, 1 files not yet applied, 2 changes by hand, 3 unknown.

    Example: cdconf drift production --json

    Example: cdconf drift production --applied

    Example: cdconf drift production --at origin/main

    Example: cdconf drift production --fix --check
    """
    from cdconf.cli.drift_looks import look_at_applied, look_at_files, reading_at
    from cdconf.cli.waived_findings import waiving

    flags = DriftFlags(**given)
    _check_flags(flags)
    with reading_at(flags) as (read, revision), drift_run(environment, flags, read) as (run, _):
        hosts = run.selected()
        emit = waiving(run)
        run.start(hosts)
        if flags.fix:
            from cdconf.cli.verbs.drift_fix import fix

            run.code = fix(run, hosts, emit, check=flags.check)
        elif flags.applied:
            look_at_applied(run, hosts, emit)
        else:
            look_at_files(run, hosts, revision, emit)
        run.code = emit.exit_code(run.code)
        run.extra["waivers"] = emit.tell()
        _sum_up(run, flags)


def _check_flags(flags: DriftFlags) -> None:
    from cdconf.errors import UsageError

    if flags.check and not flags.fix:
        raise UsageError("--check needs --fix: without --fix, drift changes nothing")
    if flags.override and (flags.check or not flags.fix):
        raise UsageError("--override needs --fix without --check: only that passes a gate")
    if flags.fix and (flags.applied or flags.at):
        raise UsageError("--fix always uses the files of the work tree", hint="leave --applied and --at out")


def _sum_up(run: Run, flags: DriftFlags) -> None:
    from cdconf.drift.findings import counted, findings_of
    from cdconf.drift.summary import commands, summary
    from cdconf.events import Notice

    found = findings_of(resource for host in run.collector.hosts.values() for resource in host.resources)
    run.extra["causes"] = counted(found)
    for line in summary(found):
        run.emit(Notice(line))
    # --fix has told each finding's command. A revision, or variables of the command line, aren't what these would use.
    if flags.fix or flags.at or flags.extra:
        return
    limit = [] if flags.limit is None else ["--limit", flags.limit]
    roles = [word for role in flags.roles for word in ("--role", role)]
    for line in commands(found, shlex.join([run.environment.name, *limit, *roles])):
        run.emit(Notice(line))
