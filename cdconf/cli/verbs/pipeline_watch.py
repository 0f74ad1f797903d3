"""`cdconf pipeline watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.pipeline.watch.branch import Branch

SHORTEST, LONGEST = 1.0, 86400.0  # seconds between two looks


@click.command("watch")
@click.option(
    "--every", metavar="TIME", default="10s", help="How often to look for commits: `10s`, `5m` (default 10s)."
)
@click.option("--branch", "name", metavar="BRANCH", help="The branch (default: what `pipeline` in cdconf.yml says).")
@click.option(
    "--remote", metavar="NAME", help="Watch the branch of this git remote (such as origin) instead of the local one."
)
@click.option("--install", is_flag=True, help="Write a systemd unit that runs the watch, and say how to start it.")
@project_options
@output_options
def command(every: str, name: str | None, remote: str | None, install: bool, **flags: Any) -> None:
    """Run the pipeline for each new commit of a branch until you end it. No CI server is needed.

    A waiting commit continues by itself as soon as an approval arrives, a stop is lifted or a change window opens. With
    `concurrency: batch` only the newest commit runs, with `queue` every commit.

    SIGTERM or Ctrl-C ends the watch after the current run. A second one also ends the current run, which rolls back its
    unfinished deployment.

    Example: cdconf pipeline watch --remote origin
    """
    from cdconf.errors import UsageError
    from cdconf.pipeline.watch.branch import Branch

    with run_of("pipeline", None, flags) as run:
        if not run.project.pipeline.stages:
            raise UsageError("cdconf.yml has no pipeline", hint="see docs/guides/promotion.md")
        branch = Branch(run.project.root, name or run.project.pipeline.branch, remote)
        branch.check()
        seconds = _seconds(every)
        if install:
            _install(run, every, name, remote)
        else:
            _watch(run, branch, seconds)


def _seconds(text: str) -> float:
    from cdconf.errors import UsageError
    from cdconf.inventory.values import seconds_of

    found = float(text) if text.isascii() and text.isdecimal() else seconds_of(text)
    if found is None or not SHORTEST <= found <= LONGEST:
        raise UsageError(f"--every '{text}' isn't a time between 1s and 1d", hint="such as 10s or 5m")
    return found


def _install(run: Run, every: str, name: str | None, remote: str | None) -> None:
    from cdconf.events import Notice
    from cdconf.pipeline.watch.install import install

    given = {"--every": every, "--branch": name, "--remote": remote}
    options = [word for option, value in given.items() if value for word in (option, value)]
    made = install(run.project, options)
    run.extra["installed"] = {"file": str(made.path), "unit": made.text, "commands": list(made.commands)}
    if not run.flags.as_json:
        click.echo(made.text, nl=False)
    commands = "\n".join(f"  {one}" for one in made.commands)
    run.emit(Notice(f"written: {made.path}\nstart it, and look at what it does:\n{commands}"))
    run.emit(Notice(f"variables that are secrets, such as AWS_SECRET_ACCESS_KEY, go into {made.secrets} (0600)"))


def _watch(run: Run, branch: Branch, every: float) -> None:
    from cdconf.events import Step
    from cdconf.pipeline.watch.ending import Ending
    from cdconf.pipeline.watch.loop import BranchWatch
    from cdconf.pipeline.watch.memory import BranchMemory, alone
    from cdconf.pipeline.watch.work import work_of

    with alone(run.project.data, branch), Ending() as ending, work_of(run.project, run.emit) as work:
        run.emit(Step(f"watching {branch.shown}"))
        BranchWatch(branch, work, BranchMemory(run.project.data, branch, run.emit), ending, run.emit, every).go_on()
        run.code = ending.code
