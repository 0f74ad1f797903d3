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
    override_option,
    project_options,
    selection_options,
)


@click.command()
@environment_argument
@project_options
@selection_options
@connection_options
@click.option("--diff/--no-diff", default=True, help="Show differences line by line (default).")
@click.option("--fix", is_flag=True, help="Put back what somebody has changed by hand; see below.")
@click.option("--check", is_flag=True, help="With --fix: change nothing, and show what it would mend.")
@override_option
@no_code_option
@output_options
def command(environment: str, **flags: Any) -> None:
    """Compare ENV's hosts with what was last applied and with the files; change nothing, unless --fix is given.

    Exit code 0: no drift; 2: drift; 4: a host was unreachable (which is never "no drift"). Made for cron. Hosts
    that are kept out of use are named, and aren't drift. Findings that inventories/ENV/waivers.yml accepts, see
    `cdconf waiver`, are shown as waived, and aren't drift until their last day is over.

    With --fix, what somebody has changed by hand is put back, where the files still say what was applied: batch by
    batch, drained, with health checks and smoke tests, as `provision` does it, and past the same gates. So are a moved
    `current`, changed files and stopped services of a release that is verified. All else is left, and listed with the
    command that mends it: exit code 2. Waived findings are left, too.

    Example: cdconf drift production --json

    Example: cdconf drift production --fix --check
    """
    from cdconf.cli.drained import say_kept
    from cdconf.cli.older import comparison
    from cdconf.cli.waived import waiving
    from cdconf.deploy.drained import Drained
    from cdconf.deploy.provision import Options, provision
    from cdconf.drift.findings import counted, findings_of
    from cdconf.drift.summary import summary
    from cdconf.errors import UsageError
    from cdconf.events import Notice

    if flags["check"] and not flags["fix"]:
        raise UsageError("--check goes with --fix: without it, drift changes nothing anyway")
    if flags["override"] and (flags["check"] or not flags["fix"]):
        raise UsageError("--override passes a gate, and only --fix without --check meets one")
    with run_of("drift", environment, flags) as run:
        hosts = run.selected()
        emit = waiving(run)
        run.start(hosts)
        if flags["fix"]:
            from cdconf.cli.drift_fix import fix

            run.code = emit.exit_code(fix(run, hosts, emit, check=flags["check"]))
            run.extra["waivers"] = emit.tell()
            return
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
        found = findings_of(one for host in run.collector.hosts.values() for one in host.resources)
        run.extra["causes"] = counted(found)
        for line in summary(found):
            run.emit(Notice(line))
