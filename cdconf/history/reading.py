"""Reads deployments, stages, statements and marks out of the history, the oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cdconf.errors import GATED, UNREACHABLE
from cdconf.history.journal import DIFFERENCE
from cdconf.history.recorded import FINAL, Deployment, Kind, Mark, RecordedStage, StageState, Statement, Verdict
from cdconf.history.rows import RunFilter, number, parsed

if TYPE_CHECKING:
    from cdconf.history.index import History

DEPLOYING = ("deploy", "rollback")
MARK = "history mark"  # the command of runs that say something of another run
_SIGNALS = (130, 143)


def deployments(
    history: History,
    environment: str | None = None,
    app: str | None = None,
    since: float | None = None,
    until: float | None = None,
) -> list[Deployment]:
    """Runs of `deploy` and `rollback`, in the order in which they came.

    Args:
        history: The project's.
        environment: Only to this one, see `History.runs`.
        app: Only of this app.
        since: Only what began then or later.
        until: Only what began before.

    Raises:
        CdconfError: The database can't be read.
    """
    rows = history.runs(limit=None, wanted=RunFilter(environment, app, commands=DEPLOYING))
    verified: set[tuple[object, ...]] = set()
    found = []
    for row in reversed(rows):
        if not row["environment"] or not row["app"]:
            continue
        deployment = _deployment(row, verified)
        if (since is None or deployment.started_at >= since) and (until is None or deployment.started_at < until):
            found.append(deployment)
    return found


def _deployment(row: Mapping[str, Any], verified: set[tuple[object, ...]]) -> Deployment:
    """A row as a deployment; `verified` are the releases that environments have had before, and gets this one."""
    difference = number(row.get(DIFFERENCE)) or 0.0
    began = (number(row["started_at"]) or 0.0) + difference
    took, committed = number(row["duration_s"]), number(row.get("committed_at"))
    verdict = verdict_of(row)
    release = (row["environment"], row.get("environment_of"), row["app"], row["artifact"] or row["version"])
    kind = _kind(row, release in verified)
    if verdict == "passed":
        verified.add(release)
    return Deployment(
        id=str(row["id"]),
        run=row["run"],
        environment=row["environment"],
        environment_of=_text(row.get("environment_of")),
        app=row["app"],
        version=row["version"],
        archive=row["artifact"],
        kind=kind,
        command=row["command"],
        commit=_text(row.get("built_from")),
        project_commit=row["commit"],
        procedure=_text(row.get("procedure")),
        stage=_text(row.get("stage")),
        started_at=began,
        committed_at=committed + difference if committed is not None else None,
        ended_at=began + took if took is not None else None,
        verdict=verdict,
        exit_code=row["exit_code"],
        who=row["user"],
        controller=row["controller"],
        statement=_text(row.get("statement")),
        override=_text(row.get("override")),
        error=row["error"],
        hosts={str(name): one for name, one in row["hosts"].items() if isinstance(one, dict)},
        source=row["source"],
        clock_difference_s=difference,
    )


def _kind(row: Mapping[str, Any], is_known: bool) -> Kind:
    if row.get("throwaway") is True:
        return "throw-away"
    if row["command"] == "rollback":
        return "rollback"
    return "re-deployment" if is_known or row.get("again") is True else "deployment"


def verdict_of(row: Mapping[str, Any]) -> Verdict:
    """How a deployment ended, by its row."""
    code = row["exit_code"]
    if code is None:
        return "unknown"
    by_code: dict[int, Verdict] = {0: "passed", GATED: "refused", UNREACHABLE: "unreachable"}
    by_code |= dict.fromkeys(_SIGNALS, "interrupted")
    if code in by_code:
        return by_code[code]
    if row.get("verdict") is None:  # an older version's, or rebuilt: hosts were rolled back, or weren't
        statuses = {one.get("status") for one in row["hosts"].values() if isinstance(one, dict)}
        return "failed" if statuses & {"failed", "rolled_back"} else "refused"
    return "failed" if row["verdict"] is True else "interrupted"


def stages(history: History, commit: str | None = None, since: float | None = None) -> list[RecordedStage]:
    """The stages of the pipeline's runs that `index_store` has seen, by when they began.

    Args:
        history: The project's.
        commit: Only of this one, by its full id.
        since: Only what began then or later.
    """
    sa, table = history.sa, history.tables.later.stage_states
    query = sa.select(table).where(table.c.project == history.project, table.c.stage != "")
    if commit is not None:
        query = query.where(table.c.commit == commit)
    query = query.order_by(table.c.run, table.c.stage, table.c.number)
    with history.reading() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    found = [_stage(list(those)) for _, those in groupby(rows, lambda row: (row["run"], row["stage"]))]
    return sorted((stage for stage in found if since is None or stage.began >= since), key=lambda stage: stage.began)


def _stage(rows: Sequence[Mapping[str, Any]]) -> RecordedStage:
    states = tuple(
        StageState(row["at"], row["state"], row["why"], row["step"], bool(row["opens_by_itself"])) for row in rows
    )
    last = states[-1]
    return RecordedStage(
        run=rows[0]["run"],
        commit=rows[0]["commit"],
        branch=rows[0]["branch"],
        stage=rows[0]["stage"],
        began=states[0].at,
        ended=last.at if last.state in FINAL else None,
        result=last.state,
        states=states,
        artifacts=tuple(dict.fromkeys(_artifacts(rows))),
        runs=tuple(dict.fromkeys(str(one) for row in rows for one in _list(row["runs"]))),
    )


def _artifacts(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for row in rows:
        for one in _list(row["artifacts"]):
            if isinstance(one, list) and len(one) == 3:
                yield str(one[0]), str(one[1]), str(one[2])


def statements(
    history: History,
    kinds: Sequence[str] = (),
    environment: str | None = None,
    app: str | None = None,
    since: float | None = None,
) -> list[Statement]:
    """What the artifact store's statements say that `index_store` has seen, by their times.

    Args:
        history: The project's.
        kinds: Only of these, see `Statement`; all if empty.
        environment: Only about this one.
        app: Only about this app.
        since: Only what was said then or later.
    """
    sa, table = history.sa, history.tables.later.statements
    query = sa.select(table).where(table.c.project == history.project)
    query = query.where(table.c.kind.in_(kinds)) if kinds else query
    for column, wanted in ((table.c.environment, environment), (table.c.app, app)):
        query = query.where(column == wanted) if wanted is not None else query
    query = query.where(table.c.at >= since) if since is not None else query
    with history.reading() as connection:
        rows = [dict(row) for row in connection.execute(query.order_by(table.c.at, table.c.name)).mappings()]
    return [
        Statement(**{name: value for name, value in row.items() if name not in ("project", "body")}, body=_map(row))
        for row in rows
    ]


def _map(row: Mapping[str, Any]) -> dict[str, Any]:
    body = parsed(row["body"])
    return body if isinstance(body, dict) else {}


def marks(history: History) -> list[Mark]:
    """What people have said later of runs, by when they said it; what isn't whole is left out."""
    found = [_mark(row) for row in history.runs(limit=None, wanted=RunFilter(commands=(MARK,)))]
    return sorted((mark for mark in found if mark is not None), key=lambda mark: (mark.recorded_at, mark.id))


def _mark(row: Mapping[str, Any]) -> Mark | None:
    said = row.get("mark")
    if not isinstance(said, dict) or not isinstance(said.get("run"), str):
        return None
    recorded = (number(row["started_at"]) or 0.0) + (number(row.get(DIFFERENCE)) or 0.0)
    return Mark(
        id=str(row["id"]),
        run=said["run"],
        failed=said.get("failed") is True,
        at=number(said.get("at")) or recorded,
        why=str(said.get("why") or ""),
        fixes=_text(said.get("fixes")),
        by=row["user"],
        recorded_at=recorded,
    )


def _list(text: Any) -> list[Any]:
    found = parsed(text)
    return found if isinstance(found, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
