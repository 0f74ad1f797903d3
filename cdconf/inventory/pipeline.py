"""The pipeline's stages, and what an environment requires, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cdconf.inventory.requirement import Approvals, Entry, Freeze, Soak, Window


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline; see `keys.STAGE`.

    Attributes:
        needs: The stages that must have passed before it begins.
        line: Where it stands in cdconf.yml.
    """

    name: str
    run: str | None = None
    inputs: tuple[str, ...] = ()
    build: str | None = None
    environment: str | None = None
    copy_of: str | None = None
    scale: Mapping[str, int] = field(default_factory=dict)
    url: str | None = None
    needs: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Pipeline:
    """The stages that a commit goes through, in their order; none: the project has no pipeline."""

    stages: tuple[Stage, ...] = ()
    branch: str = "main"
    concurrency: Literal["queue", "batch", "cancel"] = "queue"
    stop: Literal["artifact", "app"] = "artifact"

    def named(self, name: str) -> Stage | None:
        """The stage of this name."""
        return next((one for one in self.stages if one.name == name), None)

    def of_environment(self, environment: str) -> Stage | None:
        """The first stage that names an environment."""
        return next((one for one in self.stages if one.environment == environment), None)

    def before(self, name: str) -> tuple[str, ...]:
        """The names of the stages that stand before one."""
        names = [one.name for one in self.stages]
        return tuple(names[: names.index(name)])


@dataclass(frozen=True)
class Require:
    """What an environment's hosts.yml requires, or the operator's policy.

    Attributes:
        after: The stages that must have passed.
        parity: The environments that must be like this one; `*`: all that are copies of it.
        max_age: How old a stage's proof may be, in seconds; None: as old as it is.
        approvals: By people; all of these must be met.
        windows: All must be open.
        freezes: None may hold.
        soaks: For how long stages' hosts must have held the release.
        entries: All of that for people, each with its place.
    """

    after: tuple[str, ...] = ()
    parity: tuple[str, ...] = ()
    max_age: float | None = None
    approvals: tuple[Approvals, ...] = ()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    soaks: tuple[Soak, ...] = ()
    entries: tuple[Entry, ...] = field(default=(), compare=False)
