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
@click.option("--every", metavar="TIME", default="10s", help="Look so often: `10s`, `5m` (default 10s).")
@click.option("--branch", "name", metavar="BRANCH", help="The branch (default: what `pipeline` in cdconf.yml says).")
@click.option("--remote", metavar="NAME", help="A remote's branch, such as origin's, instead of this repository's own.")
@click.option("--install", is_flag=True, help="Write a systemd unit that does so, and say how to start it.")
@project_options
@output_options
def command(every: str, name: str | None, remote: str | None, install: bool, **flags: Any) -> None:
    """Run the pipeline for each new commit of a branch, without a CI server, until somebody ends it.

    A commit that waited goes on by itself when an approval, a lifted stop or a time makes that possible. With
    `concurrency: batch` only the newest commit is run, with `queue` each one. SIGTERM or Ctrl-C ends it after the run
    that's in hand; a second one ends that run, too, which takes back what it was at.

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
    from cdconf.pipeline.watch.loop import Watch
    from cdconf.pipeline.watch.memory import Memory, alone
    from cdconf.pipeline.watch.work import work_of

    with alone(run.project.data, branch), Ending() as ending, work_of(run.project, run.emit) as work:
        run.emit(Step(f"watching {branch.shown}"))
        Watch(branch, work, Memory(run.project.data, branch, run.emit), ending, run.emit, every).go_on()
        run.code = ending.code
