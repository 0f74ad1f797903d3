"""What people are told of a run that didn't go through: first which stage, which tests, and who changed what since."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from cdconf.errors import CdconfError, GateClosed, Interrupted, Terminated, Unreachable
from cdconf.pipeline.blame import commits_since, last_green

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.pipeline.entries import State, Verdict
    from cdconf.pipeline.outcome import StageOutcome
    from cdconf.pipeline.record import RunRecord
    from cdconf.pipeline.run import PipelineResult

_STATES: dict[Verdict, State] = {
    "failed": "failed",
    "stopped": "blocked",
    "superseded": "superseded",
    "interrupted": "interrupted",
}
_LINES = 15  # of a log


class StageRed(CdconfError):
    """A stage of the pipeline is red."""

    kind: ClassVar[str] = "stage_failed"


def error_of(result: PipelineResult, root: Path, commit: str, records: Iterable[RunRecord]) -> CdconfError | None:
    """The error that a run ends with; None when everything has passed.

    Args:
        result: How it ended.
        root: A clone that knows the commit.
        commit: The commit's full id.
        records: Other runs, for when each stage was last green.
    """
    if result.ended.verdict == "passed":
        return None
    wanted = _STATES[result.ended.verdict]
    found = next(
        ((name, stage_outcome) for name, stage_outcome in result.outcomes.items() if stage_outcome.state == wanted),
        None,
    )
    if found is None:  # another run's, or it was ended as a whole
        return _plain(result.ended.code, result.ended.why or result.ended.verdict)
    name, outcome = found
    if wanted == "failed":
        return _red(name, outcome, root, commit, records)
    if wanted == "blocked":
        return _blocked(result.outcomes.items(), commit)
    is_over = wanted == "superseded"
    what = f"commit {commit[:10]} stops before stage '{name}'" if is_over else f"stage '{name}' was ended"
    return _plain(result.ended.code, f"{what}: {outcome.why}", outcome.hint, outcome.detail)


def _plain(code: int, why: str, hint: str | None = None, detail: str | None = None) -> CdconfError:
    kinds: dict[int, type[CdconfError]] = {3: GateClosed, 4: Unreachable, 130: Interrupted, 143: Terminated}
    again = None if code in (1, 3) else "it isn't red: run it again"
    return kinds.get(code, CdconfError)(why, hint=hint or again, detail=detail)


def _red(name: str, outcome: StageOutcome, root: Path, commit: str, records: Iterable[RunRecord]) -> CdconfError:
    about = red(name, outcome, root, commit, records)
    lines = [f"test: {one}" for one in about["tests"]]
    since = f"since {about['last_green'][:10]}, the last green one" if about["last_green"] else "none was green before"
    lines += [f"commits {since}:", *(f"  {one}" for one in about["commits"])]
    if outcome.detail:
        lines += ["the log's last lines:", *(f"  {one}" for one in outcome.detail.splitlines()[-_LINES:])]
    place = f"{outcome.place}: " if outcome.place else ""
    return StageRed(f"stage '{name}' is red: {place}{outcome.why}", detail="\n".join(lines), hint=outcome.hint)


def red(name: str, outcome: StageOutcome, root: Path, commit: str, records: Iterable[RunRecord]) -> dict[str, Any]:
    """What's said of a red stage, for the JSON document."""
    green = last_green(root, commit, name, records)
    return {
        "stage": name,
        "why": outcome.why,
        "tests": list(outcome.tests),
        "last_green": green,
        "commits": commits_since(root, commit, green),
        "log": outcome.log,
    }


def _blocked(outcomes: Iterable[tuple[str, StageOutcome]], commit: str) -> CdconfError:
    """Everything that's waited for, with the command that brings it."""
    stopped = [(name, outcome) for name, outcome in outcomes if outcome.state == "blocked"]
    name, first = stopped[0]
    lines = [
        f"{stage}: {link.name}: {link.why}" + (f"\n  {link.command}" if link.command else "")
        for stage, outcome in stopped
        for link in outcome.missing
    ]
    command = next((link.command for _, outcome in stopped for link in outcome.missing if link.command), None)
    again = f"then go on: `cdconf pipeline run --commit {commit[:10]}`"
    return GateClosed(
        f"commit {commit[:10]} stops before stage '{name}': {first.why}",
        detail="\n".join(lines) or None,
        hint=f"`{command}`; {again}" if command else first.hint or again,
    )
