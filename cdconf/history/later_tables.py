"""Tables of the history that came after `runs`, each with a version of its own; older versions ignore them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

VERSIONS = {"run_events": 1, "journal_lines": 1, "statements": 1, "stage_states": 1, "last_deployed": 1}


@dataclass(frozen=True)
class LaterTables:
    """The tables.

    Attributes:
        run_events: What a run told while it went on: run's id -> JSON list.
        journal_lines: A row per line of each checkout's journal, with its link of the chain (see `chain`).
        statements: A row per object of the artifact store that says something: proofs, approvals, stops, overrides.
        stage_states: A row per state that a stage came into, in each run of the pipeline.
        last_deployed: Of an environment and app, as a checkout sees them, the row's id of the last deployment, and what
            tells that it still is: how many there were, and the sum of their times.
    """

    run_events: sa.Table
    journal_lines: sa.Table
    statements: sa.Table
    stage_states: sa.Table
    last_deployed: sa.Table


def later_tables(meta: sa.MetaData, prefix: str) -> LaterTables:
    """The tables as this version wants them; `prefix` begins their names."""
    return LaterTables(
        _run_events(meta, prefix),
        _journal_lines(meta, prefix),
        _statements(meta, prefix),
        _stage_states(meta, prefix),
        _last_deployed(meta, prefix),
    )


def _run_events(meta: sa.MetaData, prefix: str) -> sa.Table:
    import sqlalchemy as sa

    return sa.Table(
        f"{prefix}run_events",
        meta,
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("events", sa.Text, nullable=False),
    )


def _journal_lines(meta: sa.MetaData, prefix: str) -> sa.Table:
    import sqlalchemy as sa

    return sa.Table(
        f"{prefix}journal_lines",
        meta,
        sa.Column("checkout", sa.String, primary_key=True),
        sa.Column("link", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("before", sa.String, nullable=False),
        sa.Column("id", sa.String),
        sa.Column("digest", sa.String, nullable=False),
    )


def _statements(meta: sa.MetaData, prefix: str) -> sa.Table:
    import sqlalchemy as sa

    texts = ("app", "version", "archive", "environment", "stage", "by", "result", "run", "commit", "procedure")
    return sa.Table(
        f"{prefix}statements",
        meta,
        sa.Column("project", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        *(sa.Column(text, sa.String) for text in texts),
        sa.Column("at", sa.Float, index=True),
        sa.Column("refusal", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
    )


def _stage_states(meta: sa.MetaData, prefix: str) -> sa.Table:
    import sqlalchemy as sa

    return sa.Table(
        f"{prefix}stage_states",
        meta,
        sa.Column("project", sa.String, primary_key=True),
        sa.Column("run", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("commit", sa.String, nullable=False, index=True),
        sa.Column("branch", sa.String),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False, index=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("opens_by_itself", sa.Boolean, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("artifacts", sa.Text, nullable=False),
        sa.Column("runs", sa.Text, nullable=False),
    )


def _last_deployed(meta: sa.MetaData, prefix: str) -> sa.Table:
    import sqlalchemy as sa

    return sa.Table(
        f"{prefix}last_deployed",
        meta,
        sa.Column("project", sa.String, primary_key=True),
        sa.Column("checkout", sa.String, primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("app", sa.String, primary_key=True),
        sa.Column("id", sa.String),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
    )
