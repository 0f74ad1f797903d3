"""What a run of the pipeline does next. Pure: nothing is read here, and nobody is asked.

A stage begins when all that it needs have passed. What has passed isn't tried again. Once one is red nothing begins any
more: what runs already is let to its end, so that its copy goes and its hosts are whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cdconf.inventory.pipeline import Stage
    from cdconf.pipeline.entries import Verdict

# `open` wasn't tried in this run; `passed` also by an earlier one.
Standing = Literal["open", "running", "passed", "failed", "blocked", "superseded", "interrupted"]
_WORST: tuple[tuple[Standing, Verdict], ...] = (
    ("failed", "failed"),
    ("interrupted", "interrupted"),
    ("superseded", "superseded"),
    ("blocked", "stopped"),
)


@dataclass(frozen=True)
class Next:
    """What's to be done now.

    Attributes:
        start: The stages that begin now.
        verdict: How the run ends; None: it goes on, or waits for what runs.
    """

    start: tuple[str, ...] = ()
    verdict: Verdict | None = None


def decide(stages: Sequence[Stage], standing: Mapping[str, Standing]) -> Next:
    """Decides.

    Args:
        stages: In the pipeline's order.
        standing: Stage -> how it stands; those that aren't there are open.
    """
    states = {stage.name: standing.get(stage.name, "open") for stage in stages}
    present = set(states.values())
    halted = bool(present & {"failed", "interrupted", "superseded"})
    start = () if halted else tuple(stage.name for stage in stages if _may_begin(stage, states))
    if start or "running" in present:
        return Next(start)
    for state, verdict in _WORST:
        if state in present:
            return Next(verdict=verdict)
    return Next(verdict="passed")


def _may_begin(stage: Stage, states: Mapping[str, Standing]) -> bool:
    return states[stage.name] == "open" and all(states[one] == "passed" for one in stage.needs)
