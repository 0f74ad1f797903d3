"""What the board shows, as data. Times are in seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from cdconf.pipeline.board.words import Word
    from cdconf.pipeline.record import RunRecord
    from cdconf.promotion.candidate import CandidateLink
    from cdconf.promotion.checked import CheckedObject

State = Literal[
    "passed",  # a statement proves it
    "unproven",  # a run's record says that it passed, and no statement that counts here does
    "failed",
    "running",
    "waiting",  # for its turn, or for what the links name
    "stopped",
    "interrupted",  # it isn't red, and may be run again
    "ready",  # nothing keeps it: the next run takes it up
    "superseded",  # a newer artifact goes, or went, in its place
    "pending",  # another stage comes first
    "none",  # it isn't this app's
]
DONE: tuple[State, ...] = ("passed", "unproven", "none")
SETTLED: tuple[State, ...] = ("passed", "none")  # whatever becomes of other artifacts


class KnownArtifact(NamedTuple):
    """All that's known of one artifact, or of a commit that has none yet.

    Attributes:
        label: `shop@1.4`; for a commit its first digits.
        app: None for a commit.
        archive: The archive's SHA-256.
        commit: The full id; None where nobody knows it.
        at: When the store took it in, or when the commit's run began.
        words: What stages said of it, as far as it counts.
        stops: What stops it or its app, and lifts, checked.
        run: The record of the last run of its commit.
    """

    label: str
    app: str | None
    version: str | None
    archive: str | None
    commit: str | None
    at: float
    words: Sequence[Word] = ()
    stops: tuple[CheckedObject, ...] = ()
    run: RunRecord | None = None


class Cell(NamedTuple):
    """An artifact in a stage.

    Attributes:
        since: Since when it's so.
        why: Why it's so, for people; empty where the state says all.
        step: What's being done, of one that's running: `batch 2 of 3: web2`.
        by: Who runs it, `user@host`.
        links: What the environment's gate asks for, of one that could begin.
        statement: The object of the store that says so.
        log: The object of the store that has the stage's log.
        superseded_by: The newer one's label, or its commit; also of one that failed, where a newer one has passed.
        is_past: Whether that one has passed the stage, and not only come to it.
    """

    stage: str
    state: State
    since: float | None = None
    why: str = ""
    step: str | None = None
    by: str | None = None
    links: tuple[CandidateLink, ...] = ()
    statement: str | None = None
    log: str | None = None
    superseded_by: str | None = None
    is_past: bool = False

    @property
    def missing(self) -> list[CandidateLink]:
        """The links that aren't there."""
        return [link for link in self.links if link.state == "missing"]


@dataclass(frozen=True)
class StandingStop:
    """A stop that stands; `name` is its object, `command` lifts it."""

    name: str
    what: str
    by: str
    why: str
    at: float
    command: str


class Row(NamedTuple):
    """An artifact, or a commit that has none yet, by stages in the pipeline's order."""

    known: KnownArtifact
    cells: Mapping[str, Cell]
    stops: tuple[StandingStop, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing will be done for it any more."""
        return all(cell.state in DONE or cell.is_past for cell in self.cells.values())

    @property
    def is_ready(self) -> bool:
        """Whether a stage could begin."""
        return any(cell.state in ("ready", "interrupted") for cell in self.cells.values())

    def as_data(self) -> dict[str, Any]:
        """For the JSON document."""
        known = self.known
        began = known.run.began if known.run else None
        return {
            "artifact": known.label if known.app else None,
            "app": known.app,
            "version": known.version,
            "archive": known.archive,
            "commit": known.commit,
            "subject": began.subject if began else None,
            "author": began.author if began else None,
            "at": known.at,
            "stages": {name: _cell(cell) for name, cell in self.cells.items()},
            "stops": [vars(stop) for stop in self.stops],
        }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "state": cell.state,
        "since": cell.since,
        "why": cell.why,
        "step": cell.step,
        "by": cell.by,
        "statement": cell.statement,
        "log": cell.log,
        "superseded_by": cell.superseded_by,
        "links": [vars(link) for link in cell.links],
    }


@dataclass(frozen=True)
class Board:
    """The board as it was at a moment.

    Attributes:
        now: That moment, by the store's clock.
        stages: Their names, in the pipeline's order.
        rows: The newest first.
        total: How many artifacts there are, shown or not.
    """

    now: float
    stages: tuple[str, ...]
    rows: tuple[Row, ...]
    total: int
