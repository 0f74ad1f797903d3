"""`cdconf pipeline status`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.flags import Flags
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.pipeline.board.rows import Board
    from cdconf.render.board import Line


@click.command("status")
@click.option("--all", "everything", is_flag=True, help="Show all artifacts, not just the last 20.")
@click.option("--watch", "watched", is_flag=True, help="Keep the table up to date until Ctrl-C.")
@project_options
@output_options
def command(everything: bool, watched: bool, **given: Any) -> None:
    """Show all artifacts and their stages, newest first: what runs, what waits and for what, what is stopped and why.

    This command reads the artifact store and files, and contacts no host. A stage counts as running by the record of
    its run, and as passed by its signed statement. `next` is the stage that the next run starts.

    Example: cdconf pipeline status --watch
    """
    from cdconf.errors import UsageError
    from cdconf.pipeline.board.reading import SHOWN, BoardReader

    flags = Flags(**given)
    with _uncollected(everything and not watched), run_of("pipeline", None, flags) as run:
        if watched and flags.as_json:
            raise UsageError(
                "--json and --watch exclude each other", hint="call `cdconf pipeline status --json` repeatedly"
            )
        if not run.project.pipeline.stages:
            raise UsageError("cdconf.yml has no pipeline", hint="see docs/guides/promotion.md")
        count = None if everything else SHOWN
        if watched:
            _watch(run, count)
            return
        board = BoardReader(run.project, run.emit).board(count)
        if flags.as_json:
            run.extra["pipeline"] = _about(run, board)
        else:
            _print(board)


@contextmanager
def _uncollected(applies: bool) -> Iterator[None]:
    """Looks for no circles among 500,000 objects that live until the end: that takes a third of the time."""
    was = gc.isenabled()
    if applies:
        gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _about(run: Run, board: Board) -> dict[str, Any]:
    pipeline = run.project.pipeline
    return {
        "branch": pipeline.branch,
        "concurrency": pipeline.concurrency,
        "stages": list(board.stages),
        "now": round(board.now, 3),
        "total": board.total,
        "artifacts": [row.as_data() for row in board.rows],
    }


def _print(board: Board) -> None:
    from cdconf.render.board import lines

    click.echo("\n".join(coloured(lines(board, _width()))))


def _width() -> int | None:
    """A terminal's width; a pipe takes lines of any length."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def coloured(lines: Iterable[Line]) -> list[str]:
    """Lines as a terminal gets them; a pipe gets none of their colours."""
    from cdconf.render.style import has_colour

    if not has_colour(sys.stdout):
        return ["".join([part.text for part in line]).rstrip() for line in lines]
    styles: dict[str, dict[str, Any]] = {"bold": {"bold": True}, "dim": {"dim": True}, "": {}}
    return [
        "".join(click.style(part.text, **styles.get(part.style, {"fg": part.style})) for part in line) for line in lines
    ]


def _watch(run: Run, count: int | None) -> None:
    from cdconf.events import Asking, Notice
    from cdconf.pipeline.board.reading import BoardReader
    from cdconf.render.board_live import watch

    told: list[str] = []
    reader = BoardReader(run.project, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
    run.emit(Asking(begins=True))  # the screen is the board's alone
    try:
        watch(lambda: reader.board(count), told)
    finally:
        run.emit(Asking(begins=False))
