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
    found += [_has(tables, _FIELDS[kind])] if kind in _FIELDS else []
    return found + ([~_has(tables, _WITHOUT[kind])] if kind in _WITHOUT else [])


def _has(tables: Tables, name: str) -> Any:
    import sqlalchemy as sa

    fields = tables.run_fields
    return sa.exists().where(fields.c.id == tables.runs.c.id, fields.c.name == name)
