"""What an environment asks for before anything is brought to it: its `require`, or what holds by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.inventory.pipeline import Require

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage


@dataclass(frozen=True)
class Requirements:
    """What must hold.

    Attributes:
        after: The stages that must have passed, in the pipeline's order.
        max_age: How old their proof may be, in seconds; None: as old as it is.
        parity: Environments that must be like this one; `*`: its copies.
        heeds_stops: Whether stopped artifacts are refused.
        own: The name of the stage that deploys to the environment, which needs no proof of itself.
    """

    after: tuple[Stage, ...] = ()
    max_age: float | None = None
    parity: tuple[str, ...] = ()
    heeds_stops: bool = False
    own: str | None = None

    @property
    def is_guarded(self) -> bool:
        """Whether proofs are asked for."""
        return bool(self.after)


def requirements_of(project: Project, environment: Environment) -> Requirements:
    """What holds for an environment.

    Without `require`, hosts that exist already are guarded where the pipeline names their environment: all stages
    before its own must have passed. Copies that a provider makes are where things are tried; they ask for nothing.
    What's on the line, since the pipeline names it or it requires something, takes nothing that was stopped.
    """
    own = project.pipeline.of_environment(environment.name)
    require = environment.require
    if require is None:
        is_guarded = environment.provider == "existing" and own is not None
        require = Require(after=project.pipeline.before(own.name) if is_guarded and own is not None else ())
    after = tuple(one for one in project.pipeline.stages if one.name in require.after)
    heeds = environment.throwaway is None and (own is not None or environment.require is not None)
    return Requirements(after, require.max_age, require.parity, heeds, own.name if own else None)
