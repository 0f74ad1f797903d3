"""What the store says of a commit that waits: whether a stage could begin now, and whether anything has changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from cdconf.pipeline.watch.progress import Outlook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.pipeline.board.rows import Cell, Row


def outlook_of(rows: Sequence[Row]) -> Outlook:
    """Of a commit by its artifacts' rows of the board; without any, its run has still to begin."""
    evidence = hashlib.sha256(json.dumps([_evidence(one) for one in rows]).encode()).hexdigest()[:16]
    is_ready = not rows or any(one.is_ready or _lacks_stages_only(one) for one in rows)
    return Outlook(evidence, is_ready, is_over=bool(rows) and all(one.is_over for one in rows))


def _lacks_stages_only(row: Row) -> bool:
    """Whether a stage waits for nothing but others before it, as after an update of cdconf: a run passes them again."""
    cells = [one for one in row.cells.values() if one.state == "waiting" and one.missing]
    return any(all(link.name.startswith("after ") for link in one.missing) for one in cells)


def _evidence(row: Row) -> list[object]:
    return [row.known.label, [_state(one) for one in row.cells.values()], [one.name for one in row.stops]]


def _state(cell: Cell) -> list[object]:
    """What says that something is new: not the words, in which times go on."""
    return [cell.stage, cell.state, cell.statement, [[one.name, one.state, one.statement] for one in cell.links]]
