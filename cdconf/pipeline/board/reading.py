"""Reads from the artifact store what the board is made of. No host is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cdconf.artifacts.attestations import STOP
from cdconf.artifacts.metadata import metadata, newest
from cdconf.artifacts.places import place_of
from cdconf.artifacts.store_clock import StoreClock
from cdconf.errors import ArtifactError, CdconfError
from cdconf.events import Event, Notice
from cdconf.inventory import load_environment
from cdconf.pipeline.board.decide import rows_of
from cdconf.pipeline.board.procedures import Procedures
from cdconf.pipeline.board.remembered import proofs_of
from cdconf.pipeline.board.rows import Board, Known, Row
from cdconf.pipeline.entries import StageNoted
from cdconf.pipeline.record import RunRecord, read_runs
from cdconf.promotion.candidate import Link
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.gates import gate_of
from cdconf.promotion.said import app_key

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.artifacts.metadata import Metadata, Unreadable
    from cdconf.artifacts.places import Place
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.checked import Checked

SHOWN = 20
RUNS = 60  # records that are read: what older runs did is told by statements; a commit may have had several
LOOKED_AT = 200  # artifacts among which those of a commit are looked for
_COUNTED_OUT = 3  # warnings of one kind


@dataclass
class Reader:
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
    _environments: dict[str, Environment | Link] = field(default_factory=dict)
    _procedures: Procedures | None = None

    def board(self, count: int | None = SHOWN) -> Board:
        """The board; only the newest so many rows, unless it's None.

        Raises:
            ArtifactError: The store or the signers can't be read.
        """
        self._environments.clear()
        place = place_of(self.project)
        found, total = self._artifacts(place, count)
        runs = self._runs(place, RUNS if count is None else max(RUNS, 3 * count))
        known = self._known(place, found, runs)[:count]
        return Board(self._now(), self._stages, tuple(self._rows(place, known, found)), total)

    def of_commits(self, commits: Collection[str]) -> dict[str, list[Row]]:
        """Commit -> the rows of its artifacts, or of the commit itself; none where nothing is known of it.

        Raises:
            ArtifactError: See `board`.
        """
        self._environments.clear()
        place = place_of(self.project)
        found, _ = self._artifacts(place, LOOKED_AT)
        last = max((at for at, one in enumerate(found) if one.artifact.commit in commits), default=-1)
        found = found[: last + 1]  # newer ones may go in its place
        rows = self._rows(place, self._known(place, found, self._runs(place, RUNS)), found)
        return {commit: [one for one in rows if one.known.commit == commit] for commit in commits}

    @property
    def _stages(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.project.pipeline.stages)

    def _artifacts(self, place: Place, count: int | None) -> tuple[list[Metadata], int]:
        unreadable: Sequence[Unreadable]
        if count is None:
            found, unreadable = metadata(place)
            total = len(found) + len(unreadable)
        else:
            found, unreadable, total = newest(place, count)
        for one in unreadable[:_COUNTED_OUT]:
            self._tell(Notice(f"skipped {place.shown(one.name)}: {one.error.message}", warning=True))
        return [one for one in found if one.artifact.app in self.project.apps], total

    def _runs(self, place: Place, count: int) -> dict[str, RunRecord]:
        """Commit -> its last run; of one that's at work, that one."""

        def skip(name: str, why: str) -> None:
            self._tell(Notice(f"skipped a record of a run in {place.shown(name)}: {why}", warning=True))

        found = read_runs(place, self.project.name, self._now(), newest=count, skip=skip)
        if any(one.ended is None and one.holder is not None for one in found) and self._clock is None:
            self._clock = StoreClock(place, lambda event: None)
            found = [replace(one, now=self._now()) for one in found]
        last: dict[str, RunRecord] = {}
        for one in sorted(found, key=lambda one: one.is_at_work, reverse=True):
            last.setdefault(one.commit, one)
        return last

    def _now(self) -> float:
        return self._clock() if self._clock is not None else time.time()

    def _known(self, place: Place, found: Sequence[Metadata], runs: dict[str, RunRecord]) -> list[Known]:
        """The artifacts, and the commits that have none yet, the newest first."""
        evidence = Evidence.of(self.project, self._tell, place)
        archives = {one.artifact.archive for one in found}
        said = _Said(evidence, archives if len(found) > LOOKED_AT else None)
        known = []
        for one in found:
            made = one.artifact
            proofs, stops = said.proofs(made.archive), said.stops(made.app, made.archive)
            run = runs.get(made.commit or "")
            artifact = (made.label, made.app, made.version, made.archive, made.commit)
            known.append(Known(*artifact, one.created, tuple(proofs), tuple(stops), run))
        have = {one.commit for one in known}
        oldest = min((one.at for one in known), default=0.0)
        for commit, run in runs.items():
            at = run.began.at if run.began is not None else run.seen
            if commit not in have and not _has_artifacts(run) and at >= oldest:
                stops = [stop for app in self.project.apps for stop in said.stops(app)]
                known.append(Known(commit[:10], None, None, None, commit, at, stops=tuple(stops), run=run))
        return sorted(known, key=lambda one: one.at, reverse=True)

    def _rows(self, place: Place, known: Sequence[Known], found: Iterable[Metadata]) -> list[Row]:
        artifacts = {one.artifact.label: one.artifact for one in found}

        def judge(one: Known, stage: Stage) -> Sequence[Link]:
            return self._links(place, artifacts[one.label], stage)

        return rows_of(self.project.pipeline, self.project.name, known, judge)

    def _links(self, place: Place, artifact: Artifact, stage: Stage) -> Sequence[Link]:
        if stage.environment is None:
            return ()
        environment = self._environment(stage.environment)
        if isinstance(environment, Link):
            return (environment,)
        if self._procedures is None:
            self._procedures = Procedures(self.project)
        read = self._procedures.of(artifact.commit)
        try:
            return gate_of(self.project, environment, artifact, self._tell, place, read).links
        except ArtifactError:
            raise
        except CdconfError as error:  # one environment that can't be judged hides nothing of the others
            return (Link(f"gate of {environment.name}", "missing", str(error), None),)

    def _environment(self, name: str) -> Environment | Link:
        """The environment; where it can't be read, what's missing."""
        if name not in self._environments:
            try:
                load = self.load or (lambda name: load_environment(self.project, name))
                self._environments[name] = load(name)
            except CdconfError as error:
                self._environments[name] = Link(f"environment {name}", "missing", str(error), "cdconf lint")
        return self._environments[name]

    def _tell(self, event: Event) -> None:
        """Each warning once, however often the board is read."""
        if isinstance(event, Notice) and event.message not in self._told:
            self._told.add(event.message)
            self.emit(event)


class _Said:
    """What was said of artifacts.

    Args:
        evidence: The store.
        archives: Of which artifacts all is read at once; None: of each when it's asked for.
    """

    def __init__(self, evidence: Evidence, archives: Collection[str] | None) -> None:
        self._evidence = evidence
        self._proofs = proofs_of(evidence, archives) if archives is not None else None
        self._stops = evidence.every(STOP) if archives is not None else None

    def proofs(self, archive: str) -> Sequence[Checked]:
        """See `Evidence.proofs`."""
        return self._evidence.proofs(archive) if self._proofs is None else self._proofs.get(archive, ())

    def stops(self, app: str, archive: str | None = None) -> Sequence[Checked]:
        """See `Evidence.stops`."""
        if self._stops is None:
            return self._evidence.stops(app, archive)
        of_app = self._stops.get(app_key(self._evidence.project.name, app), ())
        return [*of_app, *self._stops.get(archive or "", ())]


def _has_artifacts(run: RunRecord) -> bool:
    return any(isinstance(one, StageNoted) and one.artifacts for one in run.entries)
