"""`cdconf plan show FILE`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.events import ResourceStatus


@click.command("show")
@click.argument("file", type=click.Path())
@click.option("--diff/--no-diff", default=True, help="Show differences line by line (default).")
@project_options
@output_options
def command(file: str, **flags: Any) -> None:
    """Show the plan that `plan --out` has saved in FILE as it was shown to its maker; ask no host.

    A plan that was changed after it was made isn't shown: exit code 1.

    Example: cdconf plan show release.plan
    """
    import dataclasses
    from datetime import datetime
    from pathlib import Path

    from cdconf.events import HostDone, Notice, ResourceDone, RunStarted
    from cdconf.plans.proof import digest_of, judge
    from cdconf.plans.saved import read

    with run_of("plan", None, flags) as run:
        plan = read(Path(file))
        verdict = judge(run.project, plan, file)
        about = {name: value for name, value in dataclasses.asdict(plan).items() if name not in ("hosts", "proof")}
        run.extra["plan"] = {"file": file, **about, "digest": digest_of(plan), "authentic": verdict.authentic}
        run.emit(RunStarted("plan", plan.environment, tuple(plan.hosts)))
        made = datetime.fromtimestamp(plan.created_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        of = f"{plan.project}, {plan.environment}{', with --prune' if plan.prune else ''}"
        run.emit(Notice(f"a plan for {of}: made {made} by {plan.made_by}, digest {digest_of(plan)[:16]}"))
        run.emit(Notice(verdict.text, warning=not verdict.authentic))
        if verdict.refused:
            run.emit(Notice(f"it wouldn't be applied here: {verdict.refused}", warning=True))
        for name, host in plan.hosts.items():
            for resource in host.resources:
                status = cast("ResourceStatus", resource.status)
                run.emit(
                    ResourceDone(
                        name, resource.type, resource.title, status, resource.source, resource.diff, resource.message
                    )
                )
            run.emit(HostDone(name, "ok"))
