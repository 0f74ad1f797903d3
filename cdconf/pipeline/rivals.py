"""Other commits' runs, as they stand in a stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.pipeline.blame import is_ancestor
from cdconf.pipeline.concurrency import Rival
from cdconf.pipeline.record import RunRecord, read_runs

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.artifacts.backends import Backend

_LOOKED_AT = 50  # runs that were last seen
_FRESH = 2.0  # seconds


@dataclass
class Rivals:
    """Reads the record of other commits' runs.

    Attributes:
        root: A clone that knows the commits.
        place: The store.
        project: The project's name.
        commit: The own commit's full id.
        branch: The branch that it's on.
        now: Gives the store's time.
        began: When this run began, by the store's clock.
    """

    root: Path
    place: Backend
    project: str
    commit: str
    branch: str | None
    now: Callable[[], float]
    began: float
    _newer: dict[str, bool] = field(default_factory=dict)
    _runs: list[RunRecord] = field(default_factory=list)
    _read: float = -_FRESH

    def runs(self) -> list[RunRecord]:
        """The last runs, also those of the own commit; read anew when two seconds have gone."""
        if time.monotonic() - self._read >= _FRESH:
            self._runs = read_runs(self.place, self.project, self.now(), newest=_LOOKED_AT)
            self._read = time.monotonic()
        return self._runs

    def of(self, stage: str) -> list[Rival]:
        """How other commits stand in a stage."""
        found: dict[str, Rival] = {}
        for run in self.runs():
            noted = run.stages.get(stage)
            if run.commit == self.commit or noted is None or run.commit in found:
                continue
            if noted.state == "passed" or (run.is_at_work and noted.state in ("waiting", "running")):
                found[run.commit] = Rival(run.commit, noted.state, noted.at, self._is_newer(run))
        return list(found.values())

    def _is_newer(self, run: RunRecord) -> bool:
        if run.commit not in self._newer:
            told = is_ancestor(self.root, self.commit, run.commit)
            if told is None:  # a commit that isn't here yet
                began = run.began
                told = began is not None and began.branch == self.branch and began.at > self.began
            self._newer[run.commit] = told
        return self._newer[run.commit]
