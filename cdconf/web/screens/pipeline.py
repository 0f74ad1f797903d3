"""Artifacts by stages, and what each waits for, with the command to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.pipeline.board.reading import BoardReader
from cdconf.web.page import Ask, Page
from cdconf.web.reading.sources import attempt
from cdconf.web.tabling import Column, table

if TYPE_CHECKING:
    from cdconf.web.reading.sources import Sources

SHOWN = 60  # of the newest artifacts
_COLUMNS = (
    Column("label", "artifact"),
    Column("subject", "change"),
    Column("author", "by"),
    Column("at", "since", "time"),
)
_PER_PAGE = 20


def show(ask: Ask) -> Page:
    """The pipeline."""
    sources = ask.sources
    stages = [_stage(sources, stage) for stage in sources.project.pipeline.stages]
    found: dict[str, Any] = {"rows": [], "total": 0}
    problem = None
    if stages:
        found, problem = attempt(lambda: sources.kept.get("pipeline", lambda: read(sources), young=3.0), found)
    listed = table("", _COLUMNS, found["rows"], ask.params, "The store has no artifact yet.", _PER_PAGE)
    waits = [wait for row in found["rows"] for wait in _waits(row)]
    data = {
        "stages": stages,
        "branch": sources.project.pipeline.branch,
        "total": found["total"],
        "waits": waits[:20],
        "more_waits": max(0, len(waits) - 20),
        "now": found.get("now"),
    }
    return Page("Pipeline", "pipeline.html", "pipeline", data, {"artifacts": listed}, (problem,) if problem else ())


def _stage(sources: Sources, one: Any) -> dict[str, Any]:
    return {"name": one.name, "environment": one.environment}


def read(sources: Sources) -> dict[str, Any]:
    """The newest artifacts, as rows.

    Raises:
        CdconfError: The store can't be read.
    """
    board = BoardReader(sources.project, sources.emit).board(SHOWN)
    return {"rows": [_row(row.as_data()) for row in board.rows], "total": board.total, "now": board.now}


def _row(data: dict[str, Any]) -> dict[str, Any]:
    label = data["artifact"] or (data["commit"] or "")[:10]
    for name, cell in data["stages"].items():
        cell["command"] = _command(data, name, cell)
        cell["missing"] = [
            {"name": one["name"], "why": one["why"], "command": one["command"]}
            for one in cell.pop("links")
            if one["state"] == "missing"
        ]
    return {**data, "label": label}


def _command(data: dict[str, Any], _stage: str, cell: dict[str, Any]) -> str | None:
    """What lets a cell go on, where somebody must do something."""
    if cell["state"] in ("ready", "interrupted") and data["commit"]:
        return f"cdconf pipeline run {data['commit'][:12]}"
    if cell["state"] in ("stopped", "failed") and data["stops"]:
        return str(data["stops"][0]["command"])
    return next((one["command"] for one in cell["links"] if one["state"] == "missing" and one["command"]), None)


def _waits(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What somebody must do for an artifact, stage by stage."""
    found = []
    for name, cell in row["stages"].items():
        if cell["state"] in ("waiting", "stopped", "interrupted", "failed") and not cell["superseded_by"]:
            why = cell["why"] or "; ".join(one["why"] for one in cell["missing"])
            found.append({"what": row["label"], "stage": name, "state": cell["state"], "why": why})
            found[-1]["command"] = cell["command"]
    return found
