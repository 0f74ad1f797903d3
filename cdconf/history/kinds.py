"""What kinds of runs there are, by which `history --kind` looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from cdconf.history.tables import Tables

COMMANDS: dict[str, tuple[str, ...]] = {
    "deployment": ("deploy",),
    "rollback": ("rollback",),
    "throw-away": ("deploy", "rollback", "provision", "smoke"),
    "provision": ("provision",),
    "drift": ("drift",),
    "smoke": ("smoke",),
    "stage": ("pipeline run",),
    "approval": ("approve",),
    "stop": ("pipeline stop", "pipeline resume"),
    "override": ("deploy", "provision"),
    "toggle": ("toggle",),
    "contract": ("contract",),
    "mark": ("history mark",),
    "build": ("build", "artifact add"),
    "by-hand": ("run", "ssh"),
}
_FIELDS = {"throw-away": "throwaway", "override": "override"}  # what a run of this kind has beside its command
_WITHOUT = {"deployment": "throwaway", "rollback": "throwaway"}  # what it hasn't


def is_of_kind(tables: Tables, kinds: Sequence[str]) -> sa.ColumnElement[bool]:
    """The condition that a run is of one of some kinds, as SQL."""
    import sqlalchemy as sa

    return sa.or_(*(sa.and_(*_conditions(tables, kind)) for kind in kinds))


def _conditions(tables: Tables, kind: str) -> list[Any]:
    found: list[Any] = [tables.runs.c.command.in_(COMMANDS[kind])]
    found += [_field(tables, _FIELDS[kind]).is_not(None)] if kind in _FIELDS else []
    return found + ([_field(tables, _WITHOUT[kind]).is_(None)] if kind in _WITHOUT else [])


def _field(tables: Tables, name: str) -> Any:
    """A run's field, asked for run by run: PostgreSQL would look through all fields for an EXISTS."""
    import sqlalchemy as sa

    fields = tables.run_fields.alias()  # one of its own: the query may ask for fields, too
    return (
        sa.select(fields.c.value)
        .where(fields.c.id == tables.runs.c.id, fields.c.name == name)
        .correlate(tables.runs)
        .scalar_subquery()
    )
