"""`cdconf pipeline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import artifacts
from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options
from cdconf.cli.verbs.pipeline_run import run_command, stage_command
from cdconf.cli.verbs.pipeline_status import command as status
from cdconf.cli.verbs.pipeline_watch import command as watch

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.promotion.line_stops import StopTarget

_note = click.option("--note", metavar="TEXT", required=True, help="Why: everybody reads it.")
_office = click.option(
    "--office",
    metavar="O",
    help="The office whose key signs (default: the first allowed one whose key is on this machine).",
)


@click.group()
def command() -> None:
    """Take commits through the stages. Stop an artifact or an app, and lift such stops.

    A stop is signed, and holds in every environment of the pipeline.

    Example: cdconf pipeline stop shop@1.4 --note 'loses orders, see the incident'
    """


command.add_command(run_command)
command.add_command(stage_command)


@command.command()
@click.argument("artifact", metavar="ARTIFACT|APP", shell_complete=artifacts)
@_note
@_office
@project_options
@output_options
def stop(artifact: str, note: str, office: str | None, **flags: Any) -> None:
    """Stop ARTIFACT, or with an app's name all artifacts of APP, in every environment of the pipeline.

    The key of any office may sign the stop. Releases that already run keep running.

    Example: cdconf pipeline stop shop --note 'nothing goes out while the database is moved'
    """
    from cdconf.events import Notice
    from cdconf.promotion.line_stops import stop as stop_it

    with run_of("pipeline", None, flags) as run:
        target = _target(run, artifact)
        name = stop_it(run.project, target, run.mask(note), office, run.emit)
        run.record_as("pipeline stop", note, target.artifact)
        run.extra |= {"stop": name, "app": target.app, "note": note}
        run.emit(Notice(f"{target.shown} is stopped ({name})", warning=True))


@command.command()
@click.argument("artifact", metavar="[ARTIFACT|APP]", required=False, shell_complete=artifacts)
@_note
@_office
@project_options
@output_options
def resume(artifact: str | None, note: str, office: str | None, **flags: Any) -> None:
    """Lift the stops of ARTIFACT, of one APP, or (without an argument) of all apps. Stops of single artifacts stay.

    This needs the key of the stage that wrote the stop, or the key of the office `override`. Hosts still refuse an
    artifact that failed on them, until `cdconf deploy --unpin REASON`.

    Example: cdconf pipeline resume shop@1.4 --note 'the test was wrong: its certificate was over'
    """
    from cdconf.events import Notice
    from cdconf.promotion.line_stops import lift

    with run_of("pipeline", None, flags) as run:
        targets = [_target(run, artifact)] if artifact else _apps(run)
        lifted = lift(run.project, targets, run.mask(note), office, run.emit)
        run.extra["lifted"] = lifted
        if not lifted:
            what = ", ".join(target.shown for target in targets)
            run.emit(Notice(f"nothing to lift: {what or 'no app'} isn't stopped"))
            return
        run.record_as("pipeline resume", note, targets[0].artifact if len(targets) == 1 else None)
        for name in lifted:
            run.emit(Notice(f"lifted: {name}"))


def _target(run: Run, word: str) -> StopTarget:
    """The app of this name, or else the artifact."""
    from cdconf.artifacts.choose import choose
    from cdconf.promotion.line_stops import StopTarget

    if word in run.project.apps:
        return StopTarget(word, None)
    found = choose(run.project, word, run.emit)
    return StopTarget(found.app, found)


def _apps(run: Run) -> list[StopTarget]:
    from cdconf.promotion.line_stops import StopTarget

    return [StopTarget(name, None) for name in run.project.apps]


command.add_command(status)
command.add_command(watch)
