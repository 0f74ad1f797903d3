"""Figures of many lengths of time, and of shares; pure.

Percentiles are nearest-rank: p85 of 20 values is the 17th, a value that was really seen. Fewer than `FEWEST` values
have no statistics: their median would say more of chance than of the work.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cdconf.pipeline.value_stream.model import KINDS, Kind, StreamChange

FEWEST = 5


@dataclass(frozen=True)
class Figures:
    """`p50` and `p85` of `n` values; None where there are fewer than `FEWEST`."""

    n: int
    p50: float | None
    p85: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> Figures:
        """Those of some values."""
        ordered = sorted(values)
        if len(ordered) < FEWEST:
            return cls(len(ordered), None, None)
        return cls(len(ordered), _nearest(ordered, 50), _nearest(ordered, 85))

    def as_data(self) -> dict[str, Any]:
        """For the JSON document."""
        return {"n": self.n, "p50": _rounded(self.p50), "p85": _rounded(self.p85)}


def _nearest(ordered: list[float], percent: int) -> float:
    return ordered[max(1, math.ceil(percent * len(ordered) / 100)) - 1]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


@dataclass(frozen=True)
class StageFigures:
    """One stage of the stream.

    Attributes:
        stage: Its name; None: before the first stage began.
        figures: Of each kind, over all changes that are counted: those that spent none have spent 0 s.
        totals: Of each kind, the sum over all changes, in seconds.
    """

    stage: str | None
    figures: Mapping[Kind, Figures]
    totals: Mapping[Kind, float]

    @property
    def total(self) -> float:
        """All kinds' sums, in seconds."""
        return sum(self.totals.values())


@dataclass(frozen=True)
class Bottleneck:
    """Where changes spend most of their time: the stage, what they do there, and the share of all time, 0 to 1."""

    stage: str | None
    kind: Kind
    share: float


@dataclass(frozen=True)
class Whole:
    """What all changes together say.

    Attributes:
        lead: From the commit to the environment.
        steps: Before the first stage, then the stages in the pipeline's order.
        idle: The share of all time in which nobody and nothing worked on them; None: too few changes.
        stopped: The time for which they were stopped, in seconds.
        bottleneck: None: too few changes.
    """

    lead: Figures
    steps: tuple[StageFigures, ...]
    idle: float | None
    stopped: float
    bottleneck: Bottleneck | None

    @property
    def total(self) -> float:
        """All changes' time, in seconds."""
        return sum(step.total for step in self.steps)


def whole(changes: Iterable[StreamChange], order: Mapping[str, int]) -> Whole:
    """What changes say, each with the same weight.

    Args:
        changes: Those that are counted.
        order: Stage -> its place in the pipeline.
    """
    every = list(changes)
    by_step = [_by_step(change) for change in every]
    stages = {stage for one in by_step for stage, _ in one}
    ordered = sorted(stages, key=lambda name: (-2, "") if name is None else (order.get(name, len(order)), name))
    steps = tuple(_step(stage, by_step) for stage in ordered)
    total = sum(step.total for step in steps)
    enough = len(every) >= FEWEST and total > 0
    work = sum(step.totals["work"] for step in steps)
    stopped = sum(part.length for change in every for part in change.segments if part.is_stop)
    return Whole(
        Figures.of(change.length for change in every),
        steps,
        1 - work / total if enough else None,
        stopped,
        _bottleneck(steps, total) if enough else None,
    )


def _by_step(change: StreamChange) -> dict[tuple[str | None, Kind], float]:
    found: dict[tuple[str | None, Kind], float] = {}
    for segment in change.segments:
        found[segment.stage, segment.kind] = found.get((segment.stage, segment.kind), 0.0) + segment.length
    return found


def _step(stage: str | None, by_step: list[dict[tuple[str | None, Kind], float]]) -> StageFigures:
    values = {kind: [one.get((stage, kind), 0.0) for one in by_step] for kind in KINDS}
    return StageFigures(
        stage, {kind: Figures.of(those) for kind, those in values.items()}, {k: sum(v) for k, v in values.items()}
    )


def _bottleneck(steps: Iterable[StageFigures], total: float) -> Bottleneck:
    """The greatest sum; of equal ones the earliest stage's."""
    sums = [(step.totals[kind], step.stage, kind) for step in steps for kind in KINDS]
    most, stage, kind = max(sums, key=lambda one: one[0])
    return Bottleneck(stage, kind, most / total)
