"""Reads from the artifact store what the board is made of. No host is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import STOP
from cdconf.artifacts.backends import place_of
from cdconf.artifacts.metadata import newest
from cdconf.artifacts.store_clock import StoreClock
from cdconf.errors import ArtifactError, CdconfError
from cdconf.events import Event, Notice
from cdconf.inventory import load_environment
from cdconf.pipeline.board.decide import rows_of
from cdconf.pipeline.board.listed import ListedArtifact, artifact_of, listed_of
from cdconf.pipeline.board.listing import ListedOnce
from cdconf.pipeline.board.procedures import CommitProcedures
from cdconf.pipeline.board.remembered import StoreMemory
from cdconf.pipeline.board.rows import Board, KnownArtifact, Row
from cdconf.pipeline.board.words import Word, words_of
from cdconf.pipeline.entries import StageNoted
from cdconf.pipeline.record import RunRecord, read_runs
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.gates import gate_of
from cdconf.promotion.said import app_key

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.metadata import UnreadableMetadata
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.checked import CheckedObject

SHOWN = 20
RUNS = 60  # records that are read: what older runs did is told by statements; a commit may have had several
LOOKED_AT = 200  # artifacts among which those of a commit are looked for
_COUNTED_OUT = 3  # warnings of one kind


@dataclass
class BoardReader:
    """Reads a project's board, as often as it's asked to.

    Attributes:
        emit: Gets each warning once.
        load: Reads an environment; by default the work tree's.
    """

    project: Project
    emit: Emit
    load: Callable[[str], Environment] | None = None
    _told: set[str] = field(default_factory=set)
    _clock: StoreClock | None = None  # once it matters whose runner is alive
    _environments: dict[str, Environment | CandidateLink] = field(default_factory=dict)
    _procedures: CommitProcedures | None = None

    def board(self, count: int | None = SHOWN) -> Board:
        """The board; only the newest so many rows, unless it's None.

        Raises:
            ArtifactError: The store or the signers can't be read.
        """
        self._environments.clear()
        said = self._said()
        found, total = self._artifacts(said, count)
        runs = self._runs(said.place, RUNS if count is None else max(RUNS, 3 * count))
        known = self._known(said, found, runs)[:count]
        return Board(self._now(), self._stages, tuple(self._rows(said.place, known, found)), total)

    def of_commits(self, commits: Collection[str]) -> dict[str, list[Row]]:
        """Commit -> the rows of its artifacts, or of the commit itself; none where nothing is known of it.

        Raises:
            ArtifactError: See `board`.
        """
        self._environments.clear()
        said = self._said()
        found, _ = self._artifacts(said, LOOKED_AT)
        last = max((at for at, artifact in enumerate(found) if artifact.commit in commits), default=-1)
        found = found[: last + 1]  # newer ones may go in its place
        rows = self._rows(said.place, self._known(said, found, self._runs(said.place, RUNS)), found)
        return {commit: [row for row in rows if row.known.commit == commit] for commit in commits}

    def _said(self) -> _Said:
        place = ListedOnce(place_of(self.project), self.project.name)
        return _Said(Evidence.of(self.project, self._tell, place))

    @property
    def _stages(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.project.pipeline.stages)

    def _artifacts(self, said: _Said, count: int | None) -> tuple[list[ListedArtifact], int]:
        unreadable: Sequence[UnreadableMetadata]
        if count is None:
            found, unreadable = said.everything()
            total = len(found) + len(unreadable)
        else:
            last, unreadable, total = newest(said.place, count)
            found = [listed_of(metadata) for metadata in last]
        for metadata in unreadable[:_COUNTED_OUT]:
            self._tell(Notice(f"skipped {said.place.shown(metadata.name)}: {metadata.error.message}", warning=True))
        return [artifact for artifact in found if artifact.app in self.project.apps], total

    def _runs(self, place: Backend, count: int) -> dict[str, RunRecord]:
        """Commit -> its last run; of one that's at work, that one."""

        def skip(name: str, why: str) -> None:
            self._tell(Notice(f"skipped a record of a run in {place.shown(name)}: {why}", warning=True))

        found = read_runs(place, self.project.name, self._now(), newest=count, skip=skip)
        if any(record.ended is None and record.holder is not None for record in found) and self._clock is None:
            self._clock = StoreClock(place, lambda event: None)
            found = [replace(record, now=self._now()) for record in found]
        last: dict[str, RunRecord] = {}
        for record in sorted(found, key=lambda run_record: run_record.is_at_work, reverse=True):
            last.setdefault(record.commit, record)
        return last

    def _now(self) -> float:
        return self._clock() if self._clock is not None else time.time()

    def _known(self, said: _Said, found: Sequence[ListedArtifact], runs: dict[str, RunRecord]) -> list[KnownArtifact]:
        """The artifacts, and the commits that have none yet, the newest first."""
        said.expect([listed_artifact.archive for listed_artifact in found])
        known = []
        for listed_artifact in found:
            artifact = (
                listed_artifact.label,
                listed_artifact.app,
                listed_artifact.version,
                listed_artifact.archive,
                listed_artifact.commit,
                listed_artifact.created,
            )
            stops = said.stops(listed_artifact.app, listed_artifact.archive)
            known.append(
                KnownArtifact(
                    *artifact, said.words(listed_artifact.archive), stops, runs.get(listed_artifact.commit or "")
                )
            )
        have = {known_artifact.commit for known_artifact in known}
        oldest = min((known_artifact.at for known_artifact in known), default=0.0)
        for commit, run in runs.items():
            at = run.began.at if run.began is not None else run.seen
            if commit not in have and not _has_artifacts(run) and at >= oldest:
                every = tuple(stop for app in self.project.apps for stop in said.stops(app))
                known.append(KnownArtifact(commit[:10], None, None, None, commit, at, stops=every, run=run))
        return sorted(known, key=lambda known_artifact: known_artifact.at, reverse=True)

    def _rows(self, place: Backend, known: Sequence[KnownArtifact], found: Iterable[ListedArtifact]) -> list[Row]:
        artifacts = {artifact.label: artifact for artifact in found}

        def judge(artifact: KnownArtifact, stage: Stage) -> Sequence[CandidateLink]:
            return self._links(place, artifacts[artifact.label], stage)

        return rows_of(self.project.pipeline, self.project.name, known, judge)

    def _links(self, place: Backend, listed_artifact: ListedArtifact, stage: Stage) -> Sequence[CandidateLink]:
        if stage.environment is None:
            return ()
        environment = self._environment(stage.environment)
        if isinstance(environment, CandidateLink):
            return (environment,)
        if self._procedures is None:
            self._procedures = CommitProcedures(self.project)
        read = self._procedures.of(listed_artifact.commit)
        try:
            artifact = artifact_of(place, listed_artifact)
            return gate_of(self.project, environment, artifact, self._tell, place, read).links
        except ArtifactError:
            raise
        except CdconfError as error:  # one environment that can't be judged hides nothing of the others
            return (CandidateLink(f"gate of {environment.name}", "missing", str(error), None),)

    def _environment(self, name: str) -> Environment | CandidateLink:
        """The environment; where it can't be read, what's missing."""
        if name not in self._environments:
            try:
                load = self.load or (lambda name: load_environment(self.project, name))
                self._environments[name] = load(name)
            except CdconfError as error:
                self._environments[name] = CandidateLink(f"environment {name}", "missing", str(error), "cdconf lint")
        return self._environments[name]

    def _tell(self, event: Event) -> None:
        """Each warning once, however often the board is read."""
        if isinstance(event, Notice) and event.message not in self._told:
            self._told.add(event.message)
            self.emit(event)


class _Said:
    """What was said of artifacts: of many it's read at once, of some when it's asked for.

    Args:
        evidence: The store.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._memory: StoreMemory | None = None
        self._words: dict[str, list[Word]] | None = None
        self._stops: dict[str, list[CheckedObject]] | None = None
        self._of_app: dict[str, tuple[CheckedObject, ...]] = {}

    @property
    def place(self) -> Backend:
        """The store."""
        return self._evidence.place

    def everything(self) -> tuple[list[ListedArtifact], Sequence[UnreadableMetadata]]:
        """All artifacts; see `StoreMemory.artifacts`."""
        self._memory = self._memory or StoreMemory(self._evidence)
        return self._memory.artifacts()

    def expect(self, archives: Collection[str]) -> None:
        """These are the artifacts that are asked for next."""
        if len(archives) > LOOKED_AT:
            memory = self._memory = self._memory or StoreMemory(self._evidence)
            self._words = memory.words(archives)
            self._stops = self._evidence.every(STOP) if memory.has_stops() else {}

    def words(self, archive: str) -> Sequence[Word]:
        """What stages said of an artifact, as far as it counts."""
        if self._words is not None:
            return self._words.get(archive, ())
        return words_of(self._evidence.project.name, archive, self._evidence.proofs(archive))

    def stops(self, app: str, archive: str | None = None) -> tuple[CheckedObject, ...]:
        """See `Evidence.stops`."""
        if self._stops is None:
            return tuple(self._evidence.stops(app, archive))
        if app not in self._of_app:
            self._of_app[app] = tuple(self._stops.get(app_key(self._evidence.project.name, app), ()))
        own = self._stops.get(archive or "")
        return (*self._of_app[app], *own) if own else self._of_app[app]


def _has_artifacts(run: RunRecord) -> bool:
    return any(isinstance(entry, StageNoted) and entry.artifacts for entry in run.entries)
