"""What differs between two procedures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cdconf.promotion.procedure import Procedure

How = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class PartChange:
    """One part that differs; `before` and `after` are its digests, None where it isn't part of that procedure."""

    how: How
    kind: str
    name: str
    before: str | None
    after: str | None


def changes(before: Procedure, after: Procedure) -> list[PartChange]:
    """The parts that differ, in order."""
    old = {(procedure_part.kind, procedure_part.name): procedure_part.digest for procedure_part in before.parts}
    new = {(procedure_part.kind, procedure_part.name): procedure_part.digest for procedure_part in after.parts}
    found = []
    for part in sorted(old.keys() | new.keys()):
        was, now = old.get(part), new.get(part)
        if was != now:
            how: How = "added" if was is None else "removed" if now is None else "changed"
            found.append(PartChange(how, *part, was, now))
    return found
