"""Which run came after which, whatever the clocks of the machines say that they ran on; pure.

Two runs that took the same host's lease stand in the order of its fencing numbers. Where no host has seen both, their
times do, by the clocks of their hosts or of the artifact store (see docs/adr/0028-hosts-say-what-came-after-what.md).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
Host = tuple[object, object, str]


def newest_first(rows: Sequence[Row]) -> list[int]:
    """The places of the rows, the newest run's first.

    Args:
        rows: Runs: `id`, `environment`, `environment_of` (whose hosts these are; it may lack), `fences` (it may lack)
            and `ordered_at`, seconds since 1970.
    """
    later: list[set[int]] = [set() for _ in rows]  # of each run, those that are known to come after it
    for newer, older in _known(rows):
        later[older].add(newer)
    earlier: list[list[int]] = [[] for _ in rows]
    for older, those in enumerate(later):
        for newer in those:
            earlier[newer].append(older)
    waits = [len(those) for those in later]
    by_time = sorted(range(len(rows)), key=lambda place: _newest(rows, place))
    ready = [(_newest(rows, place), place) for place in range(len(rows)) if not waits[place]]
    heapq.heapify(ready)
    done: dict[int, None] = {}
    left = iter(by_time)
    while len(done) < len(rows):
        # Hosts that contradict each other decide nothing: the time does.
        place = heapq.heappop(ready)[1] if ready else next(one for one in left if one not in done)
        if place in done:
            continue
        done[place] = None
        for older in earlier[place]:
            waits[older] -= 1
            if not waits[older]:
                heapq.heappush(ready, (_newest(rows, older), older))
    return list(done)


def newest(rows: Sequence[Row]) -> Row:
    """The newest of some runs: the first that `newest_first` has, for less.

    Args:
        rows: At least one; see `newest_first`.
    """
    highest: dict[Host, int] = {}
    seen = [list(_fences(row)) for row in rows]
    for those in seen:
        for where, fence in those:
            highest[where] = max(fence, highest.get(where, fence))
    last = [row for row, those in zip(rows, seen, strict=True) if all(highest[one] == fence for one, fence in those)]
    return min(last or rows, key=lambda row: _newest([row], 0))


def _newest(rows: Sequence[Row], place: int) -> tuple[float, str]:
    return -float(rows[place]["ordered_at"] or 0.0), str(rows[place]["id"])


def _known(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Pairs of runs, the newer first, that followed each other on a host."""
    seen: dict[Host, dict[int, list[int]]] = {}
    for place, row in enumerate(rows):
        for where, fence in _fences(row):
            seen.setdefault(where, {}).setdefault(fence, []).append(place)
    for numbers in seen.values():
        for newer, older in pairwise(sorted(numbers, reverse=True)):
            yield from ((one, other) for one in numbers[newer] for other in numbers[older])


def _fences(row: Row) -> Iterator[tuple[Host, int]]:
    """Each host that a run has held, and the number that it had there."""
    fences = row.get("fences")
    for host, fence in fences.items() if isinstance(fences, dict) else ():
        if isinstance(fence, int):  # a team's database holds what others have written
            yield (row.get("environment"), row.get("environment_of"), host), fence
