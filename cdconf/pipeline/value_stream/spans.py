"""What was done to commits, and what they waited for, out of what the pipeline wrote down; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cdconf.pipeline.entries import GONE
from cdconf.pipeline.value_stream.model import (
    DeploymentAttempt,
    Kind,
    StageSpan,
    StreamApproval,
    StreamStageState,
    StreamStop,
)

_KINDS: Mapping[str, Kind] = {"waiting": "queue", "running": "work", "blocked": "people"}
DEPLOY = "deploy"  # what a deployment outside of any stage is called


def of_states(
    states: Iterable[StreamStageState], opened: Mapping[str, Sequence[float]], until: float
) -> dict[str, list[StageSpan]]:
    """Commit -> its spans.

    A gate stays closed when the run has ended: the wait for people ends with the last approval or lift before the next
    run takes the stage up. From then on the commit waits for that run.

    Args:
        states: What came into which state, in any order.
        opened: Commit -> when somebody approved it, or lifted a stop of it.
        until: When what hasn't ended ends.
    """
    by_stage: dict[tuple[str, str], list[StreamStageState]] = {}
    for state in sorted(states, key=lambda stream_stage_state: stream_stage_state.at):
        by_stage.setdefault((state.commit, state.stage), []).append(state)
    found: dict[str, list[StageSpan]] = {}
    for (commit, _), those in by_stage.items():
        found.setdefault(commit, []).extend(_of_stage(those, opened.get(commit, ()), until))
    return found


def _of_stage(states: Sequence[StreamStageState], opened: Sequence[float], until: float) -> Iterable[StageSpan]:
    for state, following in zip(states, [*states[1:], None], strict=True):
        kind = _kind_of(state)
        ends = max(state.at, following.at if following else until)
        if kind is None or (following and following.why == GONE and kind == "work"):
            continue  # nobody knows when a runner died that was killed; its last word is the one before
        if kind == "people":
            yield from _people(state, ends, opened, is_over=following is not None)
        else:
            yield StageSpan(state.commit, state.stage, kind, state.at, ends)


def _people(state: StreamStageState, ends: float, opened: Sequence[float], *, is_over: bool) -> Iterable[StageSpan]:
    """A wait for people, and the queue behind it, once somebody has opened the gate."""
    then = [at for at in opened if state.at < at < ends]
    turned = max(then) if then and is_over else ends
    yield StageSpan(state.commit, state.stage, "people", state.at, turned)
    if turned < ends:
        yield StageSpan(state.commit, state.stage, "queue", turned, ends)


def _kind_of(state: StreamStageState) -> Kind | None:
    kind = _KINDS.get(state.state)
    return "queue" if kind == "people" and state.opens_by_itself else kind


def of_deployments(deployments: Iterable[DeploymentAttempt], stage: str | None) -> dict[str, list[StageSpan]]:
    """Commit -> the attempts to deploy what was built from it, each as work of its stage.

    Args:
        deployments: Those to the environment.
        stage: The stage that names the environment.
    """
    found: dict[str, list[StageSpan]] = {}
    for deployment in deployments:
        if deployment.commit is not None and deployment.kind == "deployment" and deployment.verdict != "refused":
            span = StageSpan(
                deployment.commit, deployment.stage or stage or DEPLOY, "work", deployment.began, deployment.ended
            )
            found.setdefault(deployment.commit, []).append(span)
    return found


def of_stops(stops: Iterable[StreamStop], app: str, commit: str, archive: str | None, until: float) -> list[StageSpan]:
    """The times for which a commit's artifact was stopped, or its app was.

    Args:
        stops: All of them.
        app: The app.
        commit: The commit.
        archive: Its artifact.
        until: When what still stands ends.
    """
    return [
        StageSpan(commit, stop.stage, "people", stop.begins, until if stop.ends is None else stop.ends, is_stop=True)
        for stop in stops
        if stop.app == app and stop.archive in (None, archive)
    ]


def opened_by(
    approvals: Iterable[StreamApproval], stops: Iterable[StreamStop], archive: str | None, app: str
) -> list[float]:
    """When somebody approved an artifact, or lifted a stop of it."""
    lifted = [
        stop.ends for stop in stops if stop.ends is not None and stop.app == app and stop.archive in (None, archive)
    ]
    return sorted([approval.at for approval in approvals if approval.archive == archive] + lifted)
