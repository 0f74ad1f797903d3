"""Takes what the artifact store says into the history's index: statements, and what runs of the pipeline wrote down.

The store holds the truth. Only what the index doesn't know yet is read; what nobody believed here is looked at again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.attestations import APPROVAL, OVERRIDE, STATEMENT, STOP, content_of, listed, read_listed
from cdconf.artifacts.backends import place_of
from cdconf.events import Notice
from cdconf.history.taking_in import text
from cdconf.pipeline.entries import RunBegan, RunEnded, StageNoted
from cdconf.pipeline.record import RunRecord, read_runs
from cdconf.promotion.approvals.given import Given, given
from cdconf.promotion.checked import CheckedObject, check
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.policy import policy_of
from cdconf.promotion.said import Proof, RolesProof, Said
from cdconf.promotion.statement import document, head_in, kind_of

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.events import Emit
    from cdconf.history.index import History
    from cdconf.inventory import Project
    from cdconf.promotion.people import People

KINDS = (STATEMENT, STOP, OVERRIDE, APPROVAL)
_DONE = "ended"  # what stands in `step` of the last row of a run of the pipeline that has ended
_COUNTED_OUT = 3  # warnings


def index_store(project: Project, history: History, emit: Emit) -> None:
    """Brings the tables `statements` and `stage_states` up to date.

    Args:
        project: The project.
        history: Its history, open.
        emit: The event stream: what can't be read is named.

    Raises:
        ArtifactError: The store can't be read.
        CdconfError: The database can't be read or written.
    """
    place = place_of(project)
    _index_statements(project, history, place, emit)
    _index_stages(project, history, place, emit)


def _index_statements(project: Project, history: History, place: Backend, emit: Emit) -> None:
    evidence = Evidence.of(project, emit, place)
    people = policy_of(project).people
    sa, table = history.sa, history.tables.later.statements
    query = sa.select(table.c.name).where(table.c.project == history.project, table.c.refusal.is_(None))
    with history.reading() as connection:
        known = {content_of(name) for name in connection.execute(query).scalars()}
    skip = _skipping(place, emit)
    rows: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        fresh = [file for file in listed(place, kind) if content_of(file.name) not in known]
        for name, envelope in read_listed(place, kind, fresh, skip).items():
            found = _checked(kind, name, envelope, evidence, people)
            if found is None or found.said is None or found.said.project != project.name:
                continue
            row = _row(history.project, found, envelope)
            before = rows.get(content_of(name))
            if before is None or _is_its_own(found.said, name):
                rows[content_of(name)] = row
    if rows:
        history.replace(table, list(rows.values()), ("project", "name"))


def _checked(
    kind: str, name: str, envelope: Mapping[str, Any], evidence: Evidence, people: People
) -> CheckedObject | Given | None:
    if kind != APPROVAL:
        return check(name, envelope, evidence.signers, evidence.now)
    return given(name, envelope, people, evidence.signers.revoked, evidence.now)


def _is_its_own(said: Said, name: str) -> bool:
    """Whether this is the object that stands beside what it's about; the same may be found by other things, too."""
    return f"-{getattr(said, 'key', None)}-" in name


def _row(project: str, found: CheckedObject | Given, envelope: Mapping[str, Any]) -> dict[str, Any]:
    said = found.said
    if said is None:
        raise ValueError(f"{found.name} says nothing")
    about = document(said)["predicate"]
    subject = getattr(said, "subject", None)
    head = head_in(envelope)
    return {
        "project": project,
        "name": found.name,
        "kind": kind_of(said),
        "app": text(about.get("app")),
        "version": text(about.get("version")),
        "archive": subject.archive if subject is not None else None,
        "environment": text(about.get("environment")),
        "stage": text(about.get("stage")),
        "at": said.finished if isinstance(said, (Proof, RolesProof)) else said.at,
        "by": text(_by(found)),
        "result": text(about.get("result") or about.get("decision")),
        "run": text(about.get("run")),
        "commit": text(about.get("built_from") or about.get("commit")),
        "procedure": text(about.get("procedure")),
        "refusal": text(found.refusal),
        "body": json.dumps(about | ({"journal": head} if head is not None else {})),
    }


def _by(found: CheckedObject | Given) -> str | None:
    if isinstance(found, Given) and found.person is not None:
        return found.person.name
    return getattr(found.said, "by", None) or (
        found.signer.id if isinstance(found, CheckedObject) and found.signer else None
    )


def _index_stages(project: Project, history: History, place: Backend, emit: Emit) -> None:
    sa, table = history.sa, history.tables.later.stage_states
    query = sa.select(table.c.run).where(table.c.project == history.project, table.c.step == _DONE)
    with history.reading() as connection:
        known = set(connection.execute(query).scalars())
    rows: list[dict[str, Any]] = []
    for record in read_runs(place, project.name, time.time(), known=known, skip=_skipping(place, emit)):
        rows += _stage_rows(history.project, record)
    if rows:
        history.replace(table, rows, ("project", "run", "number"))


def _stage_rows(project: str, record: RunRecord) -> Iterator[dict[str, Any]]:
    branch = text(record.began.branch) if record.began is not None else None
    common = {"project": project, "run": record.id, "commit": record.commit, "branch": branch}
    number = -1
    for number, entry in enumerate(record.entries):
        yield common | {"number": number} | _noted(entry)
    if record.is_dead:  # as `close_dead` will write it, once somebody takes up the commit
        for name, noted in record.stages.items():
            if noted.state == "interrupted":
                number += 1
                gone = StageNoted(record.seen, name, "interrupted", noted.why)
                yield common | {"number": number} | _noted(gone)


def _noted(entry: RunBegan | StageNoted | RunEnded) -> dict[str, Any]:
    nothing: dict[str, Any] = {"stage": "", "why": "", "step": None, "artifacts": "[]", "runs": "[]", "at": entry.at}
    nothing["opens_by_itself"] = False
    if isinstance(entry, RunBegan):
        return nothing | {"state": "began"}
    if isinstance(entry, RunEnded):
        return nothing | {"state": entry.verdict, "why": text(entry.why), "step": _DONE}
    return {
        "stage": text(entry.stage),
        "at": entry.at,
        "state": entry.state,
        "why": text(entry.why),
        "opens_by_itself": entry.opens_by_itself,
        "step": text(entry.step) if entry.step != _DONE else None,
        "artifacts": json.dumps([[artifact.app, artifact.version, artifact.archive] for artifact in entry.artifacts]),
        "runs": json.dumps(list(entry.runs)),
    }


def _skipping(place: Backend, emit: Emit) -> Any:
    """Names the first few objects that can't be read: whoever may write to the store could make thousands."""
    skipped: list[str] = []

    def tell(name: str, why: str) -> None:
        skipped.append(name)
        if len(skipped) <= _COUNTED_OUT:
            emit(Notice(f"skipped {place.shown(name)}: {why}", warning=True))
        elif len(skipped) == _COUNTED_OUT + 1:
            emit(Notice("skipped more objects like that", warning=True))

    return tell
