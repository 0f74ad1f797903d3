"""Which host of the one environment a host of the other is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from cdconf.parity.model import ParityFinding, Portrait

Between = Callable[[Portrait, Portrait], list[ParityFinding]]


class Pairing:
    """Finds each host of a group its counterpart: the first candidate with the fewest unexplained differences.

    Candidates are the host of the same name, the one in the same place, and one host of each shape that there is. A
    host whose differences are all explained looks no further, so that alike environments are compared in linear time.

    Args:
        ours: The hosts of the one environment.
        theirs: The hosts of the other.
        between: The differences of two hosts.
    """

    def __init__(self, ours: Sequence[Portrait], theirs: Sequence[Portrait], between: Between) -> None:
        self._ours = ours
        self._theirs = theirs
        self._between = between
        self._told: dict[tuple[str, str], list[ParityFinding]] = {}

    def findings(self) -> Iterator[ParityFinding]:
        """The differences of all pairs, each pair once."""
        for key in self.pairs():
            yield from self._told[key]

    def pairs(self) -> list[tuple[str, str]]:
        """Every host of both sides with its counterpart; none when one side has no hosts."""
        chosen: dict[tuple[str, str], None] = {}
        if self._ours and self._theirs:
            for place, portrait in enumerate(self._ours):
                near = _near(portrait, place, self._theirs, lambda: self._their_shapes)
                chosen[self._first(portrait, near, left=True)] = None
            for place, portrait in enumerate(self._theirs):
                near = _near(portrait, place, self._ours, lambda: self._our_shapes)
                chosen[self._first(portrait, near, left=False)] = None
        return list(chosen)

    def _first(self, portrait: Portrait, candidates: Iterator[Portrait], *, left: bool) -> tuple[str, str]:
        best: tuple[int, tuple[str, str]] | None = None
        for other in candidates:
            mine, theirs = (portrait, other) if left else (other, portrait)
            key = (mine.host, theirs.host)
            if key not in self._told:
                self._told[key] = self._between(mine, theirs)
            count = sum(finding.status == "unexplained" for finding in self._told[key])
            if best is None or count < best[0]:
                best = (count, key)
            if count == 0:
                break
        if best is None:
            raise ValueError("a side without hosts has no counterparts")
        return best[1]

    @cached_property
    def _our_shapes(self) -> list[Portrait]:
        return _shapes(self._ours)

    @cached_property
    def _their_shapes(self) -> list[Portrait]:
        return _shapes(self._theirs)


def _near(
    portrait: Portrait, place: int, others: Sequence[Portrait], shapes: Callable[[], list[Portrait]]
) -> Iterator[Portrait]:
    same = next((other for other in others if other.host == portrait.host), None)
    if same is not None:
        yield same
    if place < len(others):
        yield others[place]
    yield from shapes()


def _shapes(portraits: Sequence[Portrait]) -> list[Portrait]:
    """One host of each shape: what it should be and what was seen are the same, whatever it's called."""
    shapes: dict[str, Portrait] = {}
    for portrait in portraits:
        settings = {name: setting.value for name, setting in portrait.settings.items()}
        wanted = {name: (resource.absent, resource.fields) for name, resource in portrait.wanted.items()}
        shapes.setdefault(repr((portrait.groups, portrait.os, settings, wanted, portrait.sight)), portrait)
    return list(shapes.values())
