"""What the history knows of deployments, stages, statements and marks, as data.

Times are in seconds since 1970, by the clocks of a run's hosts or of the artifact store where the run has asked one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["deployment", "re-deployment", "rollback", "throw-away"]
Verdict = Literal["passed", "failed", "interrupted", "refused", "unreachable", "unknown"]
FINAL = ("passed", "failed", "superseded", "interrupted")  # states that a stage doesn't leave in the same run


@dataclass(frozen=True)
class Deployment:
    """One run of `deploy` or `rollback`.

    Attributes:
        id: The row's id in the history.
        run: The id by which its hosts know it; None: it never asked for their leases.
        environment_of: The checkout whose own hosts these are; None: they're the same from everywhere.
        archive: The SHA-256 of the artifact's archive.
        kind: `re-deployment`: this archive was verified in this environment before.
        commit: The full id of the commit that the artifact was built from; None: unknown, or built from changes that no
            commit has.
        project_commit: HEAD of the checkout that the run was started in.
        procedure: The digest of the procedure.
        stage: The stage of the pipeline that it was.
        committed_at: When the decision was made to keep the release on all hosts; None: never.
        ended_at: None: unknown.
        verdict: `failed`: the artifact is to blame; without `committed_at` it was stopped before it reached all hosts.
            `refused`: a gate, a pin or a lease stood against it. `unknown`: it was killed, and hosts didn't tell.
        who: The user.
        statement: The object of the store that proves it.
        override: The reason for which a gate was passed without what it asks for.
        hosts: Host -> `{"status", "ok", "changed", "failed"}`.
        source: `journal`, `killed`, or `hosts` when it was rebuilt from what hosts remember.
        clock_difference_s: What was added to the run's own times.
    """

    id: str
    run: str | None
    environment: str
    environment_of: str | None
    app: str
    version: str | None
    archive: str | None
    kind: Kind
    command: str
    commit: str | None
    project_commit: str | None
    procedure: str | None
    stage: str | None
    started_at: float
    committed_at: float | None
    ended_at: float | None
    verdict: Verdict
    exit_code: int | None
    who: str | None
    controller: str | None
    statement: str | None = None
    override: str | None = None
    error: str | None = None
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = "journal"
    clock_difference_s: float = 0.0


@dataclass(frozen=True)
class StageState:
    """A stage came into a state; see `pipeline.entries.State`.

    Attributes:
        step: What it was at, of one that's running.
        opens_by_itself: Of one that's blocked, whether it waits for nothing but time.
    """

    at: float
    state: str
    why: str = ""
    step: str | None = None
    opens_by_itself: bool = False


@dataclass(frozen=True)
class RecordedStage:
    """A stage in one run of the pipeline.

    Attributes:
        run: The pipeline's run.
        commit: The commit's full id.
        branch: Whose last commit it was; None: no branch's.
        began: When it came into its first state.
        ended: When it came into its last one, if the run doesn't leave that; None: it's still at it.
        result: The state that it came into last.
        states: All of them, in their order.
        artifacts: `(app, version, archive)` each.
        runs: The ids by which hosts know what was run.
    """

    run: str
    commit: str
    branch: str | None
    stage: str
    began: float
    ended: float | None
    result: str
    states: tuple[StageState, ...]
    artifacts: tuple[tuple[str, str, str], ...] = ()
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """Something that was said, and signed, in the artifact store.

    Attributes:
        name: The object's name.
        kind: `stage`, `held`, `roles`, `stop`, `lift`, `override` or `approval`.
        at: When it was said; of a stage's, when that had finished.
        result: `passed`, `failed`, `approved`, `rejected`; None: it's no judgement.
        refusal: Why nobody here believes it; None: it's believed.
        body: All that it says.
    """

    name: str
    kind: str
    app: str | None
    version: str | None
    archive: str | None
    environment: str | None
    stage: str | None
    at: float
    by: str | None
    result: str | None
    run: str | None
    commit: str | None
    procedure: str | None
    refusal: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Mark:
    """What a person has said later of a run.

    Attributes:
        id: The row's id of the mark itself.
        run: The row's id of the run that it's about.
        failed: Whether the run brought a failure.
        at: When that showed, or was mended.
        fixes: The row's id of the run whose failure this one mends.
        recorded_at: When it was said.
    """

    id: str
    run: str
    failed: bool
    at: float
    why: str
    fixes: str | None
    by: str | None
    recorded_at: float
