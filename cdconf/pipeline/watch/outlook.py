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
    evidence = hashlib.sha256(json.dumps([_evidence(row) for row in rows]).encode()).hexdigest()[:16]
    is_ready = not rows or any(row.is_ready or _lacks_stages_only(row) for row in rows)
    return Outlook(evidence, is_ready, is_over=bool(rows) and all(row.is_over for row in rows))


def _lacks_stages_only(row: Row) -> bool:
    """Whether a stage waits for nothing but others before it, as after an update of cdconf: a run passes them again."""
    cells = [cell for cell in row.cells.values() if cell.state == "waiting" and cell.missing]
    return any(all(link.name.startswith("after ") for link in cell.missing) for cell in cells)


def _evidence(row: Row) -> list[object]:
    return [row.known.label, [_state(cell) for cell in row.cells.values()], [stop.name for stop in row.stops]]


def _state(cell: Cell) -> list[object]:
    """What says that something is new: not the words, in which times go on."""
    return [cell.stage, cell.state, cell.statement, [[link.name, link.state, link.statement] for link in cell.links]]
