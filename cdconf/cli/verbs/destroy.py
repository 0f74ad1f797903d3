"""`cdconf destroy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
from cdconf.cli.options import output_options, override_option, project_options, yes_option

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.environments.removal import Removal


@click.command()
@environment_argument(metavar="[ENV]")
@project_options
@yes_option
@click.option("--images", is_flag=True, help="Also remove the images and snapshots that hosts are made from.")
@click.option(
    "--expired",
    is_flag=True,
    help="Instead of ENV, remove all throw-away environments whose time is over, without asking.",
)
@override_option
@output_options
def command(environment: str | None, expired: bool, yes: bool, images: bool, **given: Any) -> None:
    """Remove ENV's hosts, their network, keys and generated secrets. Hosts of the provider `existing` can't be removed.

    An environment that the operator's policy guards is only removed with --override. Change windows and freezes apply.

    --expired removes all throw-away environments whose time is over. It never asks, and prints nothing when there are
    none, so cron can run it. An environment stays until the next call, and is named, when a run works on its hosts
    (exit code 3), when a host doesn't answer (exit code 4), or when a host refuses (exit code 1). If one can't be
    removed, the others still are: exit code 1.

    Example: cdconf destroy staging --yes
    """
    from cdconf.errors import UsageError

    flags = Flags(**given)
    if expired and flags.override:
        raise UsageError("--expired removes only throw-away environments, which have no gate")
    if expired and (environment or images):
        raise UsageError(f"--expired can't be combined with {'an environment' if environment else '--images'}")
    if expired:
        _destroy_expired(flags)
    elif environment is None:
        raise UsageError("no environment is given", hint="name one, or say --expired")
    else:
        _destroy(environment, yes, images, flags)


def _destroy(environment: str, yes: bool, images: bool, flags: Flags) -> None:
    from cdconf.cli.ask import confirm
    from cdconf.cli.promotion_checks import changing
    from cdconf.environments.removal import remove, to_remove
    from cdconf.events import Notice

    with run_of("destroy", environment, flags, load=to_remove) as run:
        if run.environment.provider != "existing":
            if run.environment.throwaway is None:
                changing(run, "destroy", None, flags.override, removes=True).again()
            confirm(f"Remove all hosts of {environment} with everything on them?", yes=yes)
        removed = remove(run.project, run.environment, run.emit)
        _forget(run, environment)
        if images:
            from cdconf.environments.docker.hosts import remove_images
            from cdconf.environments.docker.snapshots import remove_snapshots

            removed += remove_snapshots(run.project, run.emit) + remove_images(run.emit)
        run.extra["removed"] = removed
        run.emit(Notice(f"removed: {', '.join(removed)}" if removed else f"{environment} has nothing to remove"))


def _destroy_expired(flags: Flags) -> None:
    from cdconf.environments.removal import remove_expired
    from cdconf.errors import worst_exit
    from cdconf.events import Notice

    with run_of("destroy", None, flags) as run:
        run.recorded = False  # each environment has a history of its own
        done = remove_expired(run.project, run.emit)
        _forget(run, *done.removed)
        for name, removed in done.removed.items():
            run.emit(Notice(f"{name}: its time is over; removed: {', '.join(removed) or 'its definition'}"))
        for name, held in done.left.items():
            run.emit(Notice(f"{name}: its time is over, but it's in use: {held}", warning=True))
        for name, error in done.failed.items():
            hint = f" ({error.hint})" if error.hint else ""
            run.emit(Notice(f"{name}: couldn't be removed: {error}{hint}", warning=True))
        run.extra["removed"] = done.removed
        run.extra["in_use"] = {name: str(held) for name, held in done.left.items()}
        run.extra["failed"] = {name: error.as_dict() for name, error in done.failed.items()}
        _remember(run, done)
        run.code = worst_exit(error.exit_code for error in (*done.left.values(), *done.failed.values()))


def _forget(run: Run, *environments: str) -> None:
    """The artifact store says no longer that these hosts hold anything."""
    from cdconf.artifacts.backends import place_of
    from cdconf.artifacts.holders import forget
    from cdconf.errors import ArtifactError
    from cdconf.events import Notice

    if not run.project.apps:
        return
    try:
        for name in environments:
            forget(run.project, place_of(run.project), name)
    except ArtifactError as error:
        text = f"the artifact store still says that {', '.join(environments)} may hold artifacts: {error.message}"
        run.emit(Notice(text, warning=True))


def _remember(run: Run, done: Removal) -> None:
    """A line for each environment in the history: what has become of it is asked for by its name."""
    detail = "its time was over"
    for name in done.removed:
        run.remember(name, {"removed": done.removed[name], "detail": detail})
    for name, error in done.failed.items():
        run.remember(name, {"detail": detail}, error)
