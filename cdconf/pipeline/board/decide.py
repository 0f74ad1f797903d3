"""What the board says of each artifact in each stage. Pure: the store was read elsewhere.

A record tells what is being done; what a stage has found out is told by its statements, which are signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cdconf.pipeline.board.rows import DONE, SETTLED, Cell, KnownArtifact, Row, StandingStop
from cdconf.promotion.said import Lift
from cdconf.promotion.stops import standing

if TYPE_CHECKING:
    from cdconf.inventory.pipeline import Pipeline, Stage
    from cdconf.pipeline.board.words import Word
    from cdconf.pipeline.entries import StageNoted
    from cdconf.promotion.candidate import CandidateLink
    from cdconf.promotion.said import Stop

Judge = Callable[[KnownArtifact, "Stage"], Sequence["CandidateLink"]]


def rows_of(pipeline: Pipeline, project: str, known: Iterable[KnownArtifact], judge: Judge) -> list[Row]:
    """The board's rows.

    Args:
        pipeline: The pipeline.
        project: The project's name; what was said of another one's artifacts says nothing.
        known: The artifacts, the newest first.
        judge: The links of the gate to a stage's environment; asked only where an artifact could go there.
    """
    newest_first = list(known)
    labels = {artifact.commit: artifact.label for artifact in newest_first if artifact.commit is not None}
    gone_by = _GoneBy(pipeline)
    stages = {stage.name: stage for stage in pipeline.stages}
    rows = []
    for artifact in newest_first:
        row = _row(stages, project, artifact)
        if not all(cell.state in SETTLED for cell in row.cells.values()):
            row = gone_by.superseded(row)
            gone_by.add(row)
            row = _named(_judged(row, pipeline, judge), labels)
        else:
            gone_by.add(row)
        rows.append(row)
    return rows


def _named(row: Row, labels: Mapping[str, str]) -> Row:
    """The row, where a newer commit in its place is called by its artifact."""
    cells = {
        name: cell._replace(superseded_by=labels[newer])
        for name, cell in row.cells.items()
        if (newer := cell.superseded_by) is not None and newer in labels
    }
    return row._replace(cells={**row.cells, **cells}) if cells else row


def _row(stages: Mapping[str, Stage], project: str, known: KnownArtifact) -> Row:
    """The row without what the gates say."""
    stops = tuple(_stops(project, known)) if known.stops else ()
    words = _last_words(stages, known)
    cells: dict[str, Cell] = {}
    for stage in stages.values():
        if known.app is not None and not stage.concerns(known.app):
            cells[stage.name] = Cell(stage.name, "none")
            continue
        cell = _told(stage, known, words.get(stage.name))
        if cell is None:
            open_needs = [one for one in stage.needs if one in cells and cells[one].state not in DONE]
            cell = Cell(stage.name, "pending") if open_needs else _next(stage, known, cells, stops)
        cells[stage.name] = cell
    return Row(known, cells, stops)


def _stops(project: str, known: KnownArtifact) -> Iterable[StandingStop]:
    for name, stop in standing(known.stops):
        if not _is_about(stop, project, known):
            continue
        what = f"all of {stop.app}" if stop.subject is None else f"{stop.app}@{stop.version}"
        target = "" if stop.subject is None else f" {what}"
        where = f"in {stop.environment}, " if stop.environment else ""
        command = f"cdconf pipeline resume{target} --note WHY"
        yield StandingStop(name, what, stop.by, f"{where}{stop.why}" if where else stop.why, stop.at, command)


def _is_about(stop: Stop, project: str, known: KnownArtifact) -> bool:
    if known.app is None:  # it could become an artifact of any app
        return stop.project == project and stop.subject is None
    same = (stop.project, stop.app) == (project, known.app)
    return same and (stop.subject is None or stop.subject.archive == known.archive)


def _told(stage: Stage, known: KnownArtifact, word: Word | None) -> Cell | None:
    """What statements or the record say of a stage; None where it hasn't begun."""
    run = known.run
    if run is None and word is not None and word.result == "passed":
        return Cell(stage.name, "passed", word.finished, statement=word.statement)
    noted = run.stages.get(stage.name) if run is not None else None
    by = run.began.by if run is not None and run.began is not None else None
    if run is not None and noted is not None and run.is_at_work and noted.state in ("running", "waiting"):
        return Cell(stage.name, noted.state, noted.at, noted.why, noted.step, by)
    if word is not None:
        if word.result == "failed" and _is_lifted_since(known, word.finished):
            return None
        why = noted.why if noted is not None and noted.state == "failed" else ""
        log = noted.log if noted is not None else None
        return Cell(stage.name, word.result, word.finished, why, statement=word.statement, log=log)
    return _noted(stage, noted, known) if noted is not None else None


def _noted(stage: Stage, noted: StageNoted, known: KnownArtifact) -> Cell | None:
    """What the record alone says."""
    if noted.state == "passed":
        why = "no statement that counts here says so"
        return Cell(stage.name, "unproven", noted.at, why, log=noted.log)
    if noted.state == "failed" and _is_lifted_since(known, noted.at):
        return None
    if noted.state in ("failed", "interrupted"):
        return Cell(stage.name, noted.state, noted.at, noted.why, log=noted.log)
    if noted.state == "superseded":
        return Cell(stage.name, "superseded", noted.at, noted.why, superseded_by=noted.superseded_by or "a newer one")
    return None  # what it waited for is judged anew


def _last_words(stages: Mapping[str, Stage], known: KnownArtifact) -> dict[str, Word]:
    """Stage -> its last word; of two at the same moment the bad news."""
    last: dict[str, Word] = {}
    for word in known.words:
        stage = stages.get(word.stage)
        if stage is None or word.app != known.app:
            continue
        if stage.environment not in (None, word.environment) or stage.copy_of not in (None, word.copy_of):
            continue
        before = last.get(word.stage)
        if before is None or (word.finished, word.result == "failed") > (before.finished, before.result == "failed"):
            last[word.stage] = word
    return last


def _is_lifted_since(known: KnownArtifact, at: float) -> bool:
    """Whether somebody has let it go on since it failed, so that it may be tried again."""
    lifts = [stop.said for stop in known.stops if stop.refusal is None and isinstance(stop.said, Lift)]
    return any(lift.at >= at for lift in lifts) and not standing(known.stops)


def _next(stage: Stage, known: KnownArtifact, cells: dict[str, Cell], stops: Sequence[StandingStop]) -> Cell:
    """A stage whose turn it is, by all that's known without its gate."""
    ends = [cells[one].since for one in stage.needs if one in cells]
    since = max([end for end in ends if end is not None], default=known.at)
    if stops and not any(cell.state == "failed" for cell in cells.values()):
        last = stops[-1]
        return Cell(stage.name, "stopped", last.at, f"{last.what} is stopped by {last.by}: {last.why}")
    if any(cell.state == "failed" for cell in cells.values()):
        return Cell(stage.name, "pending")
    return Cell(stage.name, "ready", since)


def _judged(row: Row, pipeline: Pipeline, judge: Judge) -> Row:
    """The row with what the gates say of the stages whose turn it is."""
    cells: dict[str, Cell] = {}
    for stage in pipeline.stages:
        cell = row.cells[stage.name]
        if cell.state != "ready" or row.known.app is None:
            continue
        links = tuple(judge(row.known, stage))
        missing = [link for link in links if link.state == "missing"]
        why = f"{missing[0].name}: {missing[0].why}" if missing else _keyless(row.known, stage)
        cells[stage.name] = cell._replace(state="waiting" if missing else "ready", why=why, links=links)
    return row._replace(cells={**row.cells, **cells}) if cells else row


def _keyless(known: KnownArtifact, stage: Stage) -> str:
    """Why the last run couldn't begin a stage that nothing keeps, if it has said so: it had no key, for one."""
    noted = known.run.stages.get(stage.name) if known.run is not None else None
    keys = [requirement.why for requirement in noted.missing if requirement.name == "key"] if noted is not None else []
    return f"the last run couldn't begin it: {keys[0]}" if keys else ""


class _GoneBy:
    """Which newer artifact of the same app has gone where an older one still waits to go."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._passed: dict[tuple[str, str], str] = {}  # app and stage -> label
        self._about_to: dict[tuple[str, str], str] = {}

    def add(self, row: Row) -> None:
        """Takes in an artifact; the next ones are older."""
        app = row.known.app
        if app is None:
            return
        for stage in self._pipeline.stages:
            state = row.cells[stage.name].state
            if state in ("passed", "unproven"):
                self._passed[app, stage.name] = row.known.label
            elif state in ("ready", "waiting", "running") and self._pipeline.concurrency != "queue":
                self._about_to[app, stage.name] = row.known.label

    def superseded(self, row: Row) -> Row:
        """The row; where a newer one has passed, or with `batch` and `cancel` is about to, an older one doesn't go.

        No environment is taken back to an older one; what's made for an artifact alone, each may go through.
        """
        app = row.known.app
        if app is None:
            return row
        cells: dict[str, Cell] = {}
        for stage in self._pipeline.stages:
            cell, place = row.cells[stage.name], (app, stage.name)
            passed = self._passed.get(place) if stage.environment else None
            newer = passed or self._about_to.get(place)
            if newer is not None and cell.state in ("ready", "pending", "interrupted"):
                found = cell._replace(state="superseded", superseded_by=newer, is_past=passed is not None)
                cells[stage.name] = found
            elif self._passed.get(place) is not None and cell.state == "failed":
                cells[stage.name] = cell._replace(superseded_by=self._passed[place], is_past=True)
        return row._replace(cells={**row.cells, **cells}) if cells else row
