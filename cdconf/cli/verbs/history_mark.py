"""`cdconf history mark`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import output_options, project_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.cli.context import Run
    from cdconf.pipeline.value_stream.model import DeploymentAttempt, DeploymentMark

_LONGEST = 1000  # characters of --why


@click.command("mark")
@click.argument("deployment", metavar="RUN")
@click.option(
    "--failed/--not-failed",
    default=None,
    help="Users had a problem that had to be fixed at once; or they had none after all.",
)
@click.option(
    "--at", "at", metavar="TIME", help="When the problem began: `2026-03-01 14:30` (UTC unless a zone is given)."
)
@click.option("--why", metavar="TEXT", help="The reason in one line; everybody can read it.")
@click.option("--fixes", "fixes", metavar="RUN", help="The failed deployment that RUN repairs.")
@project_options
@output_options
def command(
    deployment: str, failed: bool | None, at: str | None, why: str | None, fixes: str | None, **flags: Any
) -> None:
    """Record about a deployment what no host can know: that it failed its users, or which deployment it repairs.

    RUN is a deployment's id or its first 8 or more characters, the id that hosts know it by, or APP@VERSION. `history
    --json` shows the ids. The latest mark counts. Instead of --fixes, a commit message can have the line
    `Fixes-Deployment: RUN`. `value-stream` counts both.

    Example: cdconf history mark shop@1.4 --failed --at '2026-03-01 14:30' --why 'wrong prices'
    """
    from cdconf.errors import UsageError
    from cdconf.events import Notice

    if failed is None and fixes is None:
        raise UsageError("no mark is given", hint="add --failed, --not-failed or --fixes RUN")
    if at is not None and not failed:
        raise UsageError("--at needs --failed", hint="--at says when the deployment's problem began")
    if failed is False and fixes is not None:
        raise UsageError(
            "--not-failed and --fixes exclude each other", hint="use --fixes alone: it doesn't mark RUN as failed"
        )
    with run_of("history", None, flags) as run:
        there, marks = _known(run)
        own = _named(there, deployment)
        said: dict[str, Any] = {"run": own.id, "failed": bool(failed), "why": run.mask(_line(why))}
        said["at"] = _time(at) if at is not None else (own.verified_at or own.ended)
        said["fixes"] = _repaired(there, own, fixes) if fixes is not None else _kept(marks, own, failed)
        if failed is None:
            said |= _failed_before(marks, own)
        run.record_as("history mark", _detail(own, said))
        run.noted["mark"] = said
        run.extra["mark"] = said
        run.emit(Notice(_detail(own, said)))


def _known(run: Run) -> tuple[list[DeploymentAttempt], list[DeploymentMark]]:
    from cdconf.history import reading
    from cdconf.history.team import history_of
    from cdconf.pipeline.value_stream.reading import marks_of, of_history

    history = history_of(run.project)
    try:
        return of_history(reading.deployments(history)), list(marks_of(reading.marks(history)))
    finally:
        history.close()


def _named(there: Sequence[DeploymentAttempt], word: str) -> DeploymentAttempt:
    from cdconf.errors import UsageError
    from cdconf.pipeline.value_stream.dora import named_by

    found = named_by(word, [attempt for attempt in there if attempt.verified_at is not None])
    if found is None:
        hint = "`cdconf history --json` has the ids of runs; APP@VERSION names a release"
        raise UsageError(f"'{word}' names no deployment that the history knows and that was completed", hint=hint)
    return found


def _repaired(there: Sequence[DeploymentAttempt], own: DeploymentAttempt, word: str) -> str:
    from cdconf.errors import UsageError

    found = _named(there, word)
    if found.id == own.id:
        raise UsageError(f"{own.label} can't repair itself", hint="--fixes names the deployment that had failed")
    return found.id


def _kept(marks: Sequence[DeploymentMark], own: DeploymentAttempt, failed: bool | None) -> str | None:
    """What it repairs, as was said before: that it failed as well takes nothing of that back."""
    before = [mark for mark in marks if mark.run == own.id]
    return before[-1].fixes if before and failed else None


def _failed_before(marks: Sequence[DeploymentMark], own: DeploymentAttempt) -> dict[str, Any]:
    """That it failed, as was said before: that it repairs another one takes nothing of that back."""
    before = [mark for mark in marks if mark.run == own.id]
    if before and before[-1].failed:
        return {"failed": True, "at": before[-1].at, "why": before[-1].why}
    return {}


def _detail(own: DeploymentAttempt, said: dict[str, Any]) -> str:
    words = [f"{own.label} ({own.id})"]
    words.append("failed" if said["failed"] else "" if said["fixes"] else "didn't fail")
    words.append(f"repairs {said['fixes']}" if said["fixes"] else "")
    text = f"{words[0]} {' and '.join(word for word in words[1:] if word)}"
    return f"{text}: {said['why']}" if said["why"] else text


def _line(text: str | None) -> str:
    return " ".join((text or "").split())[:_LONGEST]


def _time(text: str) -> float:
    from datetime import UTC, datetime

    from cdconf.errors import UsageError

    try:
        at = datetime.fromisoformat(text)
        found = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--at '{text}' is no time", hint="2026-03-01T14:30, with +01:00 behind it if it isn't UTC"
        ) from None
    if found > time.time():
        raise UsageError(f"--at '{text}' isn't in the past")
    return found
