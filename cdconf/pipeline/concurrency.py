"""Of several commits that want the same stage, which goes, which waits, and which is superseded. Pure.

`queue`: each gets its turn, in the order in which they came. `batch`: when the stage is free the newest goes, and those
that it descends from are superseded. `cancel`: a newer one doesn't wait; what runs is ended. In all of them, what a
newer commit has gone through already isn't undone by an older one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Policy = Literal["queue", "batch", "cancel"]


@dataclass(frozen=True)
class Rival:
    """Another commit's run, as it stands in the stage.

    Attributes:
        commit: The commit's full id.
        state: `waiting`, `running` or `passed`; one whose runner is dead neither waits nor runs.
        since: When it came into that state, by the store's clock.
        is_newer: Whether its commit descends from this one.
    """

    commit: str
    state: Literal["waiting", "running", "passed"]
    since: float
    is_newer: bool


@dataclass(frozen=True)
class Turn:
    """What a commit does about a stage: it goes, waits for another one, or that one goes in its place."""

    do: Literal["go", "wait", "give_up"]
    because_of: str | None = None


def turn(policy: Policy, rivals: Sequence[Rival], since: float, *, stays: bool) -> Turn:
    """Decides for a commit that waits for a stage.

    Args:
        policy: The pipeline's `concurrency`.
        rivals: The others.
        since: When this one began to wait.
        stays: Whether the stage deploys to an environment that stays.
    """
    newer = sorted((rival for rival in rivals if rival.is_newer), key=lambda rival: rival.since)
    beyond = [rival for rival in newer if rival.state == "passed" and stays]
    if policy != "queue":
        beyond += [rival for rival in newer if rival.state != "passed"]
    if beyond:
        return Turn("give_up", beyond[-1].commit)
    running = next((rival for rival in rivals if rival.state == "running"), None)
    if running is not None:
        return Turn("wait", running.commit)
    before = [rival for rival in rivals if rival.state == "waiting" and (rival.since, rival.commit) < (since, "")]
    if policy == "queue" and before:
        return Turn("wait", min(before, key=lambda rival: rival.since).commit)
    return Turn("go")


def must_end(policy: Policy, rivals: Sequence[Rival]) -> str | None:
    """The newer commit for which one that's in the stage is ended; None: it goes on."""
    waiting = [rival for rival in rivals if rival.is_newer and rival.state == "waiting"]
    return waiting[-1].commit if policy == "cancel" and waiting else None
