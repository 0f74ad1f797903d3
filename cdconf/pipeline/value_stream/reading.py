"""Reads what the value stream is made of: the history, the artifact store through it, and git. No host is asked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import content_of
from cdconf.artifacts.backends import place_of
from cdconf.artifacts.metadata import metadata
from cdconf.errors import UsageError
from cdconf.history import reading as history_reading
from cdconf.pipeline.indexed import index_store
from cdconf.pipeline.value_stream.git_log import cut_off, head_of, read_commits
from cdconf.pipeline.value_stream.model import (
    DeploymentAttempt,
    DeploymentMark,
    StreamApproval,
    StreamStageState,
    StreamStop,
)
from cdconf.pipeline.value_stream.stream import StreamInput
from cdconf.plans.git import check_repository

if TYPE_CHECKING:
    from cdconf.events import Emit
    from cdconf.history import recorded
    from cdconf.history.index import History
    from cdconf.inventory import Project


def destination(project: Project) -> str:
    """The environment that the stream leads to, if nobody says: the last one that the pipeline names.

    Raises:
        UsageError: It names none.
    """
    named = [stage.environment for stage in project.pipeline.stages if stage.environment is not None]
    if not named:
        raise UsageError("the pipeline names no environment", hint="say which one: --to ENV")
    return named[-1]


def known_of(
    project: Project, history: History, environment: str, emit: Emit, indexed: History | None = None
) -> StreamInput:
    """All that's known of a project's way to an environment.

    Args:
        project: The project, in a git repository.
        history: Its history, open; it's brought up to date with the store.
        environment: The environment.
        emit: Gets warnings.
        indexed: Where the store's statements are indexed rather than in the history, which then is only read.

    Raises:
        ArtifactError: The store can't be read.
        CdconfError: The history or git can't be read.
    """
    check_repository(project.root, hint="the value stream begins with commits")
    now = time.time()
    store = indexed or history
    index_store(project, store, emit)
    built = _built(project)
    said = history_reading.statements(store)
    there = history_reading.deployments(history, environment)
    deployments = told(there, said, environment, built)
    head = head_of(project.root, project.pipeline.branch)
    commits = read_commits(
        project.root,
        [*(deployment.commit for deployment in deployments if deployment.commit), *([head] if head else [])],
    )
    stage = project.pipeline.of_environment(environment)
    return StreamInput(
        environment=environment,
        stage=stage.name if stage else None,
        order={one.name: place for place, one in enumerate(project.pipeline.stages)},
        commits=commits,
        head=head,
        ends=cut_off(project.root),
        deployments=deployments,
        states=tuple(states_of(history_reading.stages(store), said, built)),
        approvals=tuple(_approvals(said)),
        stops=tuple(stops_of(said)),
        marks=tuple(marks_of(history_reading.marks(history))),
        now=now,
    )


def _built(project: Project) -> dict[str, str]:
    """Archive -> the commit that the store says it was built from."""
    found, _ = metadata(place_of(project))
    return {
        one.artifact.archive: one.artifact.commit for one in found if one.artifact.commit and not one.artifact.dirty
    }


def told(
    there: Iterable[recorded.Deployment],
    said: Iterable[recorded.Statement],
    environment: str,
    built: Mapping[str, str],
) -> tuple[DeploymentAttempt, ...]:
    """The deployments that the history has, and those that only statements tell of, the oldest first.

    A runner that lives for minutes takes its history with it; what it proved is in the store.

    Args:
        there: What the history has.
        said: What the store has.
        environment: Where they went.
        built: Archive -> commit.
    """
    found = of_history(there, built)
    runs: set[str | None] = {attempt.run for attempt in found if attempt.run}
    for statement in said:
        is_one = statement.kind == "stage" and statement.environment == environment and statement.result == "passed"
        if is_one and statement.refusal is None and statement.app and statement.run not in runs:
            runs.add(statement.run)
            commit = built.get(statement.archive or "") or statement.commit
            began = min(_time(statement.body.get("started"), statement.at), statement.at)
            identity = content_of(statement.name)[:16]
            found.append(
                DeploymentAttempt(
                    identity,
                    statement.run,
                    statement.app,
                    statement.version,
                    statement.archive,
                    commit,
                    began,
                    statement.at,
                    statement.at,
                    stage=statement.stage,
                )
            )
    return tuple(_again(sorted(found, key=lambda attempt: attempt.verified_at or attempt.ended)))


def of_history(there: Iterable[recorded.Deployment], built: Mapping[str, str] | None = None) -> list[DeploymentAttempt]:
    """The history's deployments; `built`: archive -> commit, of those that don't say it themselves."""
    return [_deployment(deployment, built or {}) for deployment in there]


def _deployment(deployment: recorded.Deployment, built: Mapping[str, str]) -> DeploymentAttempt:
    ended = deployment.ended_at if deployment.ended_at is not None else deployment.started_at
    return DeploymentAttempt(
        id=deployment.id,
        run=deployment.run,
        app=deployment.app,
        version=deployment.version,
        archive=deployment.archive,
        commit=deployment.commit or built.get(deployment.archive or ""),
        began=deployment.started_at,
        ended=max(ended, deployment.committed_at or ended),
        committed_at=deployment.committed_at,
        kind=deployment.kind,
        verdict=deployment.verdict,
        stage=deployment.stage,
    )


def _again(deployments: Iterable[DeploymentAttempt]) -> Iterator[DeploymentAttempt]:
    """Marks what the environment had had before: of both sources together, only the order tells."""
    had: set[tuple[str, str | None]] = set()
    for deployment in deployments:
        key = (deployment.app, deployment.archive or deployment.version)
        yield (
            replace(deployment, kind="re-deployment") if deployment.kind == "deployment" and key in had else deployment
        )
        if deployment.verified_at is not None and deployment.kind != "throw-away":
            had.add(key)


def states_of(
    stages: Iterable[recorded.RecordedStage], said: Iterable[recorded.Statement], built: Mapping[str, str]
) -> Iterator[StreamStageState]:
    """What came into which state: by the records of runs, and by what stages proved that no record tells of."""
    recorded_runs: set[str] = set()
    for stage in stages:
        recorded_runs.update(stage.runs)
        apps = tuple(dict.fromkeys(app for app, _, _ in stage.artifacts))
        for state in stage.states:
            yield StreamStageState(
                stage.commit, stage.stage, state.at, state.state, state.why, apps, state.opens_by_itself
            )
    for proof in said:
        commit = built.get(proof.archive or "") or proof.commit
        is_one = proof.kind == "stage" and proof.refusal is None and proof.stage and proof.app and commit
        if is_one and proof.stage and proof.app and commit and proof.run not in recorded_runs:
            began = min(_time(proof.body.get("started"), proof.at), proof.at)
            yield StreamStageState(commit, proof.stage, began, "running", apps=(proof.app,))
            yield StreamStageState(commit, proof.stage, proof.at, proof.result or "passed", apps=(proof.app,))


def stops_of(said: Sequence[recorded.Statement]) -> Iterator[StreamStop]:
    """Stops, each with when it was lifted."""
    lifted: dict[str, float] = {}
    for statement in said:
        if statement.kind == "lift" and statement.refusal is None:
            stop = str(statement.body.get("stop"))
            lifted[stop] = min(lifted.get(stop, statement.at), statement.at)
    for statement in said:
        if statement.kind == "stop" and statement.app and statement.refusal is None:
            yield StreamStop(
                statement.app, statement.archive, statement.at, lifted.get(content_of(statement.name)), statement.stage
            )


def _approvals(said: Iterable[recorded.Statement]) -> Iterator[StreamApproval]:
    for statement in said:
        counts = statement.kind == "approval" and statement.result == "approved" and statement.refusal is None
        if counts and statement.archive and statement.environment:
            yield StreamApproval(statement.archive, statement.environment, statement.at)


def marks_of(marks: Iterable[recorded.Mark]) -> Iterator[DeploymentMark]:
    """Marks, as the metrics need them."""
    for mark in marks:
        yield DeploymentMark(mark.run, mark.failed, mark.at, mark.why, mark.fixes, mark.recorded_at)


def _time(value: object, otherwise: float) -> float:
    """Seconds since 1970, of a number or of a statement's text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return otherwise
