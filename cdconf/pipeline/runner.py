"""Takes one commit through the pipeline: does what `decide` says, and writes down what happens."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.errors import FAILED, GATED, ArtifactError, TerminateSignal
from cdconf.events import Emit, Notice, StageChanged
from cdconf.pipeline.concurrency import Turn, must_end, turn
from cdconf.pipeline.decide import Standing, decide
from cdconf.pipeline.entries import (
    BuiltArtifact,
    MissingRequirement,
    RunBegan,
    RunEnded,
    StageNoted,
    StageShape,
    State,
    Verdict,
)
from cdconf.pipeline.joining import holder_is_dead
from cdconf.pipeline.outcome import StageOutcome
from cdconf.pipeline.record import stage_key
from cdconf.pipeline.stage_log import StageLog
from cdconf.pipeline.stage_work import StageWork

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.inventory import Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.pipeline.children import Children
    from cdconf.pipeline.holding import Holding
    from cdconf.pipeline.known import KnownState
    from cdconf.pipeline.record import RunRecorder
    from cdconf.pipeline.rivals import Rivals

CODES: Mapping[Verdict, int] = {"passed": 0, "failed": 1, "stopped": 3, "superseded": 3}
_HINTS: Mapping[int, str] = {
    GATED: "`cdconf pipeline status` shows what that one does",
    FAILED: "it isn't red: run it again when the store can be reached",
}
_TICK = 0.2  # seconds
_LOOK = 2.0  # seconds between looks at other commits' runs


@dataclass
class PipelineRunner:
    """One run over one commit.

    Attributes:
        home: The project in the directory that people work in.
        project: The project, at the commit.
        place: The store.
        known: What's known of the commit.
        recorder: Writes down what happens.
        holding: The leases in the store.
        children: Starts verbs.
        rivals: Other commits' runs.
        folder: For logs.
        emit: The event stream.
        keep_failed: Whether copies are kept of stages that are red.
        keyless: Stages that nobody here can speak for -> what would bring that.
        outcomes: Stage -> how it ended in this run.
        red: Called with a stage that is red before that is written down.
    """

    home: Project
    project: Project
    place: Backend
    known: KnownState
    recorder: RunRecorder
    holding: Holding
    children: Children
    rivals: Rivals
    folder: Path
    emit: Emit
    keep_failed: bool = False
    keyless: Mapping[str, MissingRequirement] = field(default_factory=dict)
    outcomes: dict[str, StageOutcome] = field(default_factory=dict)
    red: Callable[[str, StageOutcome], None] = lambda stage, outcome: None

    def __post_init__(self) -> None:
        self._stages = self.project.pipeline.stages
        self._standing: dict[str, Standing] = {}
        self._since: dict[str, float] = {}
        self._works: dict[str, StageWork] = {}
        self._stops: dict[str, threading.Event] = {}
        self._superseded: dict[str, str] = {}
        self._futures: dict[str, Future[StageOutcome]] = {}
        self._noted: dict[str, State] = {}
        self._writing = threading.Lock()
        self._looked: dict[str, float] = {}
        self._lost = ""

    def begin(self, began: RunBegan) -> None:
        """Writes down that the run begins, and what has passed before."""
        self.recorder.note(began)
        made = self.known.made()
        for name in self.known.passed(self._stages):
            self._settle(name, StageOutcome("passed", "it had passed before", artifacts=made))
            key = stage_key(self.project.name, name)
            if holder_is_dead(self.place, key, self.home, self.known.commit) and self.holding.take(key, is_dead=True):
                self.holding.release(key)  # of a run that died right after the stage had passed

    def run(self) -> Verdict:
        """Does it all; returns the verdict. Ctrl-C ends what runs in order, and is raised again."""
        with ThreadPoolExecutor(max(1, len(self._stages)), thread_name_prefix="cdconf-stage") as pool:
            try:
                return self._loop(pool)
            except KeyboardInterrupt as error:
                self.end(signal.SIGTERM if isinstance(error, TerminateSignal) else signal.SIGINT)
                self._collect(wait=True)
                raise
            except BaseException:
                self.end()
                raise

    def _loop(self, pool: ThreadPoolExecutor) -> Verdict:
        while True:
            self._collect()
            following = decide(self._stages, self._standing)
            if following.verdict is not None:
                return following.verdict
            for name in following.start if not self._lost else ():
                self._try(pool, self._stage(name))
            if self._lost and not self._futures:
                return "interrupted"
            self._cancel_where_newer()
            time.sleep(_TICK)

    def lose(self, why: str) -> None:
        """Somebody else goes on with the commit: all that runs here is ended."""
        self._lost = why
        self.emit(Notice(why, warning=True))
        self.end()

    @property
    def _lost_code(self) -> int:
        return GATED if self.holding.is_taken else FAILED

    def end(self, number: int = signal.SIGINT) -> None:
        """Ends in order what runs."""
        for stop in self._stops.values():
            stop.set()
        self.children.end(number)

    def ended(self, verdict: Verdict) -> RunEnded:
        """The record's last entry."""
        worst = next((outcome for outcome in self.outcomes.values() if outcome.state != "passed"), None)
        by_state = [outcome for outcome in self.outcomes.values() if outcome.state == "interrupted"]
        without = self._lost_code if self._lost else 130
        code = CODES.get(verdict) if verdict in CODES else max((outcome.code for outcome in by_state), default=without)
        return RunEnded(self.recorder.now(), verdict, code or 0, (worst.why if worst else "") or self._lost)

    def _stage(self, name: str) -> Stage:
        return next(stage for stage in self._stages if stage.name == name)

    def _try(self, pool: ThreadPoolExecutor, stage: Stage) -> None:
        """Begins a stage, if nothing stands in its way and it's this commit's turn."""
        name = stage.name
        if time.monotonic() - self._looked.get(name, -_LOOK) < _LOOK:
            return
        self._looked[name] = time.monotonic()
        blocked = self._blocked(stage)  # also what was stopped while it waited
        if blocked is not None:
            self._settle(name, blocked)
            return
        since = self._since.setdefault(name, self.recorder.now())
        policy, rivals = self.project.pipeline.concurrency, self.rivals.of(name)
        found = turn(policy, rivals, since, stays=stage.environment is not None)
        if found.do == "give_up":
            self._give_up(name, str(found.because_of))
        elif found.do == "wait" or not self._take(stage_key(self.project.name, name)):
            self._wait(name, found)
        else:
            self._begin(pool, stage)

    def _take(self, key: str) -> bool:
        return self.holding.take(key) or (
            holder_is_dead(self.place, key, self.home, self.known.commit) and self.holding.take(key, is_dead=True)
        )

    def _blocked(self, stage: Stage) -> StageOutcome | None:
        stops = self.known.stopped(stage)
        if stops:
            return StageOutcome("blocked", stops[0].why, 3, missing=tuple(stops))
        if stage.name in self.keyless:
            missing = self.keyless[stage.name]
            return StageOutcome("blocked", missing.why, 3, missing=(missing,))
        return None

    def _give_up(self, name: str, newer: str) -> None:
        why = f"superseded by commit {newer[:10]}"
        self._settle(name, StageOutcome("superseded", why, 3, superseded_by=newer, artifacts=self.known.made()))

    def _wait(self, name: str, found: Turn) -> None:
        if self._noted.get(name) != "waiting":
            whose = f"commit {found.because_of[:10]}" if found.because_of else "another commit"
            self._note(name, "waiting", why=f"{whose} is in it, or comes before", artifacts=self.known.made())

    def _begin(self, pool: ThreadPoolExecutor, stage: Stage) -> None:
        self._standing[stage.name] = "running"
        self._stops[stage.name] = threading.Event()
        work = StageWork(
            home=self.home,
            project=self.project,
            stage=stage,
            known=self.known,
            children=self.children,
            log=StageLog(self.folder / f"{stage.name}.log"),
            emit=self.emit,
            step=lambda step: self._note(stage.name, "running", step=step),
            keep_failed=self.keep_failed,
            stopped=self._stops[stage.name],
        )
        self._works[stage.name] = work
        self._note(stage.name, "running")
        self._futures[stage.name] = pool.submit(work.run)

    def _collect(self, *, wait: bool = False) -> None:
        """Takes what has ended."""
        for name, future in list(self._futures.items()):
            if wait or future.done():
                outcome = future.result()
                del self._futures[name]
                if name in self._superseded and outcome.state == "interrupted":
                    newer = self._superseded[name]
                    outcome = StageOutcome("superseded", f"superseded by commit {newer[:10]}", 3, superseded_by=newer)
                elif self._lost and outcome.state == "interrupted":
                    outcome = replace(outcome, why=self._lost, code=self._lost_code, hint=_HINTS[self._lost_code])
                self._settle(name, self._with_log(name, outcome))
                self.holding.release(stage_key(self.project.name, name))
                if outcome.state == "passed":
                    for work in self._works.values():
                        work.say_rest()

    def _with_log(self, name: str, outcome: StageOutcome) -> StageOutcome:
        log = self._works[name].log
        detail = outcome.detail or ("\n".join(log.tail()) if outcome.state == "failed" else None)
        try:
            return replace(outcome, log=log.keep(self.place), detail=detail)
        except ArtifactError as error:
            self.emit(Notice(f"the log of stage '{name}' couldn't be stored: {error.message}", warning=True))
            return replace(outcome, detail=detail)

    def _settle(self, name: str, outcome: StageOutcome) -> None:
        self.outcomes[name] = outcome
        state = outcome.state
        self._standing[name] = state if state != "waiting" else "open"
        if state == "failed":
            self.red(name, outcome)
        self._note(
            name,
            state,
            why=outcome.why,
            artifacts=outcome.artifacts,
            runs=outcome.runs,
            log=outcome.log,
            missing=outcome.missing,
            superseded_by=outcome.superseded_by,
        )

    def _cancel_where_newer(self) -> None:
        if self.project.pipeline.concurrency != "cancel":
            return
        for name in self._futures:
            newer = must_end("cancel", self.rivals.of(name))
            if newer is not None and name not in self._superseded:
                self._superseded[name] = newer
                self.emit(Notice(f"{name}: ended, because the newer commit {newer[:10]} waits for it"))
                self._stops[name].set()

    def _note(
        self,
        stage: str,
        state: State,
        why: str = "",
        step: str | None = None,
        artifacts: Sequence[BuiltArtifact] = (),
        **about: object,
    ) -> None:
        self.emit(StageChanged(self.known.commit, stage, state, why, step))
        with self._writing:
            self._noted[stage] = state
            entry = StageNoted(self.recorder.now(), stage, state, why, step, tuple(artifacts), **about)  # type: ignore[arg-type]
            self.recorder.note(entry)


def shapes(stages: Sequence[Stage]) -> tuple[StageShape, ...]:
    """The stages, for the record."""
    return tuple(StageShape(stage.name, stage.needs, stage.environment, stage.copy_of) for stage in stages)


__all__ = ["CODES", "PipelineRunner", "shapes"]
