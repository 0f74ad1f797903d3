"""The pipeline's stages, and what an environment requires, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cdconf.inventory.requirement import Approvals, Freeze, RequirementEntry, Soak, Window


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline; see `keys.STAGE`.

    Attributes:
        build: The apps that are built; their artifacts alone go through the stage. None: those of all apps do.
        ttl: How long a throw-away copy lives at most, in seconds.
        url: Where people find what was deployed; a template.
        needs: The stages that must have passed before it begins.
        within: How long `run` may take, in seconds.
        line: Where it stands in cdconf.yml.
    """

    name: str
    run: str | None = None
    inputs: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    environment: str | None = None
    copy_of: str | None = None
    scale: Mapping[str, int] = field(default_factory=dict)
    ttl: float = 4 * 3600.0
    url: str | None = None
    needs: tuple[str, ...] = ()
    within: float = 1800.0
    line: int = 0

    def concerns(self, app: str) -> bool:
        """Whether an app's artifacts go through it."""
        return not self.build or app in self.build

    @property
    def place(self) -> str | None:
        """The environment that's deployed to, or of which a copy is made; None: it only runs or builds something."""
        return self.environment or self.copy_of


@dataclass(frozen=True)
class Pipeline:
    """The stages that a commit goes through, in their order; none: the project has no pipeline."""

    stages: tuple[Stage, ...] = ()
    branch: str = "main"
    concurrency: Literal["queue", "batch", "cancel"] = "queue"
    stop: Literal["artifact", "app"] = "artifact"

    def named(self, name: str) -> Stage | None:
        """The stage of this name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def of_environment(self, environment: str) -> Stage | None:
        """The first stage that names an environment."""
        return next((stage for stage in self.stages if stage.environment == environment), None)

    @property
    def apps(self) -> tuple[str, ...]:
        """The apps that its stages build, in their order."""
        return tuple(dict.fromkeys(app for stage in self.stages for app in stage.build))

    def before(self, name: str) -> tuple[str, ...]:
        """The names of the stages that stand before one."""
        names = [stage.name for stage in self.stages]
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
    entries: tuple[RequirementEntry, ...] = field(default=(), compare=False)
