"""`cdconf provision`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
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


@dataclass
class ProvisionFlags(Flags):
    """The options of `provision`."""

    check: bool = False
    from_snapshot: bool = False
    prune: bool = False
    take_over: tuple[str, ...] = ()
    plan_from: str | None = None
    max_age: str = "24h"
    older: bool = False
    copy_of: str | None = None
    name: str | None = None
    ttl: str | None = None
    provider: str | None = None
    scale: tuple[str, ...] = ()


@click.command()
@environment_argument(metavar="[ENV]")
@project_options
@selection_options
@connection_options
@click.option("--check", is_flag=True, help="Change nothing; the same as `cdconf plan`.")
@diff_option
@click.option(
    "--from-snapshot",
    is_flag=True,
    help="Start missing hosts from images with their packages already installed (docker).",
)
@click.option(
    "--prune", is_flag=True, help="Remove orphans: resources that were applied earlier and are no longer declared."
)
@take_over_option
@click.option(
    "--plan", "plan_from", metavar="FILE", type=click.Path(), help="Apply the plan that `plan --out FILE` saved."
)
@click.option(
    "--max-age", metavar="TIME", default="24h", help="With --plan: refuse a plan that is older (default 24h)."
)
@click.option("--older", is_flag=True, help="Apply these files even where hosts have newer commits.")
@override_option
@click.option("--stage", metavar="NAME", hidden=True, help="The pipeline's stage that this is a part of.")
@throwaway_options
@output_options
def command(environment: str | None, **given: Any) -> None:
    """Create ENV's missing hosts where a provider can, then bring every host to its desired state, group by group.

    A run first takes a lease on every host. It stops after the first group in which something fails. Hosts that already
    match their catalog aren't changed.

    With --plan, the run changes exactly what the saved plan says. When files or hosts have changed since, it changes
    nothing and exits with 3.

    With --from-snapshot, new hosts start from an image in which their roles' packages are installed. A missing image is
    built first.

    Hosts remember the commit that was last applied. When a host has commits that this checkout lacks, the run asks
    before it undoes them. Without a terminal it changes nothing and exits with 3, unless --older is given.

    When ENV requires proof, new roles must first have passed the earlier stages: a successful provision of each stage's
    environment. Roles that were already applied to ENV need no new proof. A successful provision signs the proof of its
    stage if the stage's key is on this machine.

    With --copy-of and --name, it makes a throw-away copy of an environment, for a branch or a test run. The copy needs
    no files, has its own secrets, and keeps what -e sets. All commands accept its name. `destroy NAME` removes it;
    `destroy --expired` removes it after its --ttl.

    Example: cdconf provision staging --limit web --diff
    """
    from cdconf.cli import plan_file, throwaway
    from cdconf.cli.older_files import comparison
    from cdconf.cli.promotion_checks import provision_run
    from cdconf.errors import PlanMoved, UsageError
    from cdconf.provision.provision import ProvisionOptions, provision

    flags = ProvisionFlags(**given)
    check = flags.check
    if flags.from_snapshot and (check or flags.plan_from):
        raise UsageError("--from-snapshot can't be combined with --check or --plan, which make no hosts")
    with run_of("provision", throwaway.chosen(environment, flags), flags) as run:
        plan = plan_file.open_plan(run, flags) if flags.plan_from else None
        try:
            hosts = plan_file.hosts_of(run, plan) if plan else run.selected()
            passing = None if check else provision_run(run, hosts, flags.override)
            run.start(hosts)
            throwaway.tell(run, flags)
            options = ProvisionOptions(
                check,
                flags.connecting,
                prune=flags.prune,
                plan=plan,
                take_over=taken_over(flags.take_over, (host.name for host in hosts)),
                from_snapshot=flags.from_snapshot,
                held=passing.again if passing else lambda: None,
                applied_from=comparison(run, older=flags.older),
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
