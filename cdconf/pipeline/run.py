"""`pipeline run`: one commit, from the locks around it to the last entry of its record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.artifacts.backends import place_of
from cdconf.artifacts.store_clock import StoreClock
from cdconf.errors import ArtifactError, CdconfError, UsageError, interruption
from cdconf.events import Emit, Notice, Step
from cdconf.pipeline import commit_lock, copies
from cdconf.pipeline.checkout import check_out
from cdconf.pipeline.children import Children
from cdconf.pipeline.entries import MissingRequirement, RunBegan, RunEnded
from cdconf.pipeline.holding import Holding
from cdconf.pipeline.joining import Joining, holder_is_dead, told_of
from cdconf.pipeline.kept_commit import kept
from cdconf.pipeline.known import KnownState
from cdconf.pipeline.outcome import StageOutcome
from cdconf.pipeline.record import RunRecorder, close_dead, commit_key, read_runs
from cdconf.pipeline.rivals import Rivals
from cdconf.pipeline.runner import PipelineRunner, shapes
from cdconf.pipeline.stage_work import remove_copy
from cdconf.pipeline.store_lease import holders, listed
from cdconf.plans.git import git
from cdconf.promotion.saying import whoami

if TYPE_CHECKING:
    from cdconf.inventory import Project


Red = Callable[[str, str, StageOutcome, str | None], None]  # the run's id, the stage, its outcome, its environment


@dataclass(frozen=True)
class PipelineResult:
    """What a run came to.

    Attributes:
        run: The run's id, as its record has it.
        ended: The verdict, the exit code, and why.
        outcomes: Stage -> how it ended; of a run that was joined, none.
        joined: Whether it was another run's.
        environments: Stage -> the environment that it deploys to, of those that deploy to one with a file.
    """

    run: str
    ended: RunEnded
    outcomes: Mapping[str, StageOutcome] = field(default_factory=dict)
    joined: bool = False
    environments: Mapping[str, str] = field(default_factory=dict)


def run_pipeline(
    home: Project, commit: str, emit: Emit, *, keep_failed: bool = False, red: Red = lambda *about: None
) -> PipelineResult:
    """Takes a commit through the pipeline, or waits for another run that does.

    Args:
        home: The project in the directory that people work in.
        commit: The commit's full id.
        emit: The event stream.
        keep_failed: Whether copies are kept of stages that are red.
        red: Called with each stage that is red, before the run's record says so.

    Raises:
        UsageError: The commit has no pipeline.
        InvalidFile: One of its files breaks a rule.
        ArtifactError: The store can't be used, or no key is here for a stage that could begin.
        Interrupted: Ctrl-C or SIGTERM; what ran was ended in order.
    """
    place = place_of(home)
    joining = Joining(place, home.name, commit, StoreClock(place, emit), emit)
    while True:
        found = _joined(joining)
        if found is not None:
            return found
        with commit_lock.locked(home, commit) as lock:
            if lock is not None:
                with kept(home, commit):
                    found = _locked(home, commit, lock, joining, keep_failed=keep_failed, red=red)
                if found is not None:
                    return found
        joining.wait()


def _joined(joining: Joining) -> PipelineResult | None:
    """What the run that was waited for has come to."""
    other = joining.result()
    return PipelineResult(other.id, other.ended, joined=True) if other is not None and other.ended is not None else None


def _locked(
    home: Project, commit: str, lock: int, joining: Joining, *, keep_failed: bool, red: Red
) -> PipelineResult | None:
    """The run, on this machine's behalf; None where another machine works on the commit."""
    place, emit, now = joining.place, joining.emit, joining.now
    folder = commit_lock.folder_of(home, commit)
    key = commit_key(home.name, commit)
    is_dead = holder_is_dead(place, key, home, commit)
    held = holders(listed(place, key)).get(key)
    if held is not None and held.is_alive(now()) and not is_dead:
        return None
    project = check_out(home, commit, folder / "checkout")
    if not project.pipeline.stages:
        raise UsageError(f"commit {commit[:10]} has no `pipeline` in cdconf.yml", hint="see docs/guides/pipeline.md")
    known = KnownState(project, commit, emit)
    keyless = _check(known, emit)
    children = Children(project.root, lock)
    holding = Holding(place, told_of(home, commit, now()), now, emit)
    with holding.beating():
        if not holding.take(key, is_dead=is_dead):
            return None
        found = _joined(joining)  # it may have come to its end just before it gave the lease back
        if found is not None:
            return found
        for run in read_runs(place, home.name, now(), commit=commit):
            if run.ended is None:
                emit(Notice(f"continues where the run of {run.began.by if run.began else 'somebody'} ended"))
                close_dead(place, home.name, run)
        for name in copies.left_over(home, commit):
            emit(Step(f"removing {name}, which a run that died has left"))
            remove_copy(home, children, name, lambda line: None, lambda text: emit(Notice(text, warning=True)))
        recorder = RunRecorder(place, home.name, commit, now)
        began = _began(home, project, commit, recorder.now())
        rivals = Rivals(home.root, place, home.name, commit, began.branch, now, began.at)
        runner = PipelineRunner(
            home, project, place, known, recorder, holding, children, rivals, folder, emit, keep_failed, keyless
        )
        environments = {one.name: one.environment for one in project.pipeline.stages if one.environment}
        runner.red = lambda stage, outcome: red(recorder.run, stage, outcome, environments.get(stage))
        holding.when_lost(runner.lose)
        with _recorded(recorder, emit):
            runner.begin(began)
            verdict = runner.run()
            ended = runner.ended(verdict)
        recorder.end(ended)
        return PipelineResult(recorder.run, ended, runner.outcomes, environments=environments)


@contextlib.contextmanager
def _recorded(recorder: RunRecorder, emit: Emit) -> Iterator[None]:
    """Whatever ends the run, its record says so."""
    try:
        yield
    except BaseException as error:
        code = error.exit_code if isinstance(error, CdconfError) else 1
        code = interruption(error).exit_code if isinstance(error, KeyboardInterrupt) else code
        why = error.message if isinstance(error, CdconfError) else "it was ended"
        try:
            recorder.end(RunEnded(recorder.now(), "interrupted", code, why))
        except ArtifactError as unwritable:
            emit(Notice(f"the record of the run couldn't be ended: {unwritable.message}", warning=True))
        raise


def _check(known: KnownState, emit: Emit) -> dict[str, MissingRequirement]:
    """Before anything is run: which stages can be passed here. Returns those that can't, and why."""
    stages = known.project.pipeline.stages
    if known.project.pipeline.apps:
        _ = known.procedures
    elif known.project.apps:
        text = "no stage of the pipeline has `build`, so environments are provisioned, and no app is deployed"
        emit(Notice(text, warning=True))
    passed = known.passed(stages)
    left = [stage for stage in stages if stage.name not in passed]
    keyless = known.keyless(left)
    first = [stage for stage in left if all(need in passed for need in stage.needs)]
    if first and all(stage.name in keyless for stage in first):
        lines = [
            f"{name}: {missing_requirement.why}\n  {missing_requirement.command}"
            for name, missing_requirement in keyless.items()
        ]
        missing = keyless[first[0].name]
        raise ArtifactError(
            f"stage '{first[0].name}' can't be passed here: {missing.why}",
            hint=f"run this where it is, or: `{missing.command}`; see docs/guides/promotion.md",
            detail="\n".join(lines) if len(lines) > 1 else None,
        )
    for name, requirement in keyless.items():
        emit(
            Notice(f"stage '{name}' can't be passed here, and the run stops before it: {requirement.why}", warning=True)
        )
    return keyless


def _began(home: Project, project: Project, commit: str, at: float) -> RunBegan:
    subject, author = (
        git(project.root, "show", "-s", "--format=%s%n%an <%ae>", commit)
        .decode("utf-8", "replace")
        .rstrip("\n")
        .split("\n", 1)
    )
    return RunBegan(
        at, commit, _branch(home, project, commit), subject[:200], author, whoami(), shapes(project.pipeline.stages)
    )


def _branch(home: Project, project: Project, commit: str) -> str | None:
    """The pipeline's branch, where the commit is on it."""
    name = project.pipeline.branch
    wanted = [f"refs/heads/{name}", f"refs/remotes/origin/{name}"]
    listed = git(home.root, "for-each-ref", "--contains", commit, "--format=%(refname)", *wanted).decode().split()
    return name if listed else None
