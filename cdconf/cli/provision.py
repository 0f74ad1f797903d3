"""`cdconf provision`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import (
    connection_options,
    diff_option,
    output_options,
    override_option,
    project_options,
    selection_options,
    take_over_option,
    taken_over,
)
from cdconf.cli.throwaway import throwaway_options


@click.command()
@environment_argument(metavar="[ENV]")
@project_options
@selection_options
@connection_options
@click.option("--check", is_flag=True, help="Change nothing; the same as `cdconf plan`.")
@diff_option
@click.option(
    "--from-snapshot", is_flag=True, help="Start hosts that don't exist yet from images of converged ones (docker)."
)
@click.option("--prune", is_flag=True, help="Remove what was applied once and has gone from the files.")
@take_over_option
@click.option("--plan", "plan_from", metavar="FILE", type=click.Path(), help="Apply what `plan --out FILE` saved.")
@click.option("--max-age", metavar="TIME", default="24h", help="With --plan: how old it may be (default 24h).")
@click.option("--older", is_flag=True, help="Apply these files although hosts have what newer ones brought.")
@override_option
@click.option("--stage", metavar="NAME", hidden=True, help="The pipeline's stage that this is a part of.")
@throwaway_options
@output_options
def command(environment: str | None, **flags: Any) -> None:
    """Make ENV's hosts where a provider can, then converge every host to its catalog, group by group.

    A run takes a lease on every host first, stops after the first group in which something fails, and changes
    nothing on hosts that are as they should be. With --plan it changes exactly what that plan says, or nothing, and
    exits with 3 when files or hosts have moved on since. With --from-snapshot new hosts start from an image that
    holds what their roles install; an image that's missing is made first.

    Hosts remember the commit that was applied. Where a host has commits that this checkout lacks, a run asks before it
    takes them back; where nobody can be asked, it changes nothing and exits with 3, unless --older is given.

    Where ENV asks for proof, its roles must have passed the stages before, by a provision that ended well, unless
    they are what was last applied there; such a provision makes the proof, if the stage's key is here.

    With --copy-of and --name it makes an environment for a branch or a test run, which has no file: a copy with secrets
    of its own. What -e sets then is remembered for as long as the copy lives. All commands know it by its name;
    `destroy NAME` removes it, or `destroy --expired` when its time is over.

    Example: cdconf provision staging --limit web --diff
    """
    from cdconf.cli import plan_file, throwaway
    from cdconf.cli.older import comparison
    from cdconf.cli.passing import provision_run
    from cdconf.deploy.provision import Options, provision
    from cdconf.errors import PlanMoved, UsageError

    check = flags["check"]
    if flags["from_snapshot"] and (check or flags["plan_from"]):
        raise UsageError("--from-snapshot makes hosts, and neither --check nor --plan does")
    with run_of("provision", throwaway.chosen(environment, flags), flags) as run:
        plan = plan_file.open_plan(run, flags["plan_from"], flags["max_age"]) if flags["plan_from"] else None
        try:
            hosts = plan_file.hosts_of(run, plan) if plan else run.selected()
            passing = None if check else provision_run(run, hosts, flags["override"])
            run.start(hosts)
            throwaway.tell(run)
            options = Options(
                check,
                flags["forks"],
                flags["accept_new_host_keys"],
                prune=flags["prune"],
                plan=plan,
                take_over=taken_over(flags["take_over"], (host.name for host in hosts)),
                from_snapshot=flags["from_snapshot"],
                held=passing.again if passing else lambda: None,
                applied_from=comparison(run, older=flags["older"]),
            )
            run.code = provision(run.project, run.environment, lambda: run.compiler, hosts, run.emit, options)
            if passing is not None and run.code == 0:
                passing.passed()
        except PlanMoved:
            if plan:
                plan_file.tell_moved(run, plan)
            raise
        if check:
            plan_file.remember(run)
        else:
            plan_file.tell_surprises(run, plan)
