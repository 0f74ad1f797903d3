"""`cdconf plan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
from cdconf.cli.options import (
    connection_options,
    no_code_option,
    output_options,
    project_options,
    selection_options,
    take_over_option,
    taken_over,
)


class _Plan(click.Command):
    """`cdconf plan show FILE` is a command of its own; all else is about an environment, be it called `show`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["show"] and any(not word.startswith("-") or word in ("-h", "--help") for word in args[1:]):
            from cdconf.cli.verbs.plan_show import command as show

            return show.make_context(f"{info_name} show", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


@dataclass
class PlanFlags(Flags):
    """The options of `plan`."""

    prune: bool = False
    take_over: tuple[str, ...] = ()
    from_: str | None = None
    to: str | None = None
    markdown: bool = False
    out: str | None = None


@click.command(cls=_Plan)
@environment_argument
@project_options
@selection_options
@connection_options
@click.option("--diff/--no-diff", default=True, help="Show differences line by line (default).")
@click.option("--prune", is_flag=True, help="Also show what `provision --prune` would remove.")
@take_over_option
@click.option(
    "--from",
    "from_",
    metavar="REV",
    help="Compare the files at this git revision with those at --to, without contacting hosts.",
)
@click.option("--to", metavar="REV", help="With --from: the other revision; `.` is the work tree (default: HEAD).")
@click.option("--markdown", is_flag=True, help="With --from: print Markdown, for a pull request's comment.")
@click.option("--out", metavar="FILE", type=click.Path(), help="Save the plan, for `provision --plan FILE`.")
@no_code_option
@output_options
def command(environment: str, **given: Any) -> None:
    """Show what provision would change on ENV's hosts, and change nothing.

    With --from, it compares two git revisions of the files instead. Both are compiled for all hosts with each host's
    last-seen facts. Exit code 0: nothing would change; 2: something would; 4: a host was unreachable.

    `cdconf plan show FILE` shows a plan that --out saved.

    Example: cdconf plan production --limit web1

    Example: cdconf plan production --from main --to HEAD --markdown
    """
    from cdconf.errors import UsageError

    flags = PlanFlags(**given)
    if flags.from_ is not None:
        from cdconf.cli.verbs.plan_revisions import plan_revisions

        raise SystemExit(plan_revisions(environment, flags))
    for name in ("to", "markdown"):
        if getattr(flags, name):
            raise UsageError(f"--{name} needs --from")
    from cdconf.cli import plan_file
    from cdconf.cli.older_files import comparison
    from cdconf.provision.provision import ProvisionOptions, provision

    out = flags.out
    plan_file.check_out(out)
    with run_of("plan", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        recorder = plan_file.recorder(run) if out is not None else None
        moved = taken_over(flags.take_over, (host.name for host in hosts))
        connecting, prune = flags.connecting, flags.prune
        compared = comparison(run)
        options = ProvisionOptions(
            True, connecting, prune=prune, record=recorder, take_over=moved, applied_from=compared
        )
        run.code = provision(run.project, run.environment, lambda: run.compiler, hosts, run.emit, options)
        if recorder is not None and out is not None:
            plan_file.save_plan(run, recorder, hosts, out, prune=flags.prune)
        plan_file.remember(run)
