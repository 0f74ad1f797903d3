"""What an environment asks for before anything is brought to it: `require`, or what holds by default, and the policy.

The operator's policy adds to what the commit says, and nothing in a commit takes that away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.inventory.pipeline import Require
from cdconf.inventory.requirement import RequirementEntry
from cdconf.promotion.policy import policy_of
from cdconf.promotion.policy_model import Policy
from cdconf.promotion.stage_pins import changed

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage
    from cdconf.inventory.requirement import Approvals, Freeze, Soak, Window


@dataclass(frozen=True)
class Requirements:
    """What must hold.

    Attributes:
        after: The stages that must have passed, in the pipeline's order.
        max_age: How old their proof may be, in seconds; None: as old as it is.
        parity: Environments that must be like this one; `*`: its copies.
        heeds_stops: Whether stopped artifacts are refused.
        own: The name of the stage that deploys to the environment, which needs no proof of itself.
        approvals: By people; all of these must be met.
        windows: All must be open.
        freezes: None may hold.
        soaks: For how long stages' hosts must have held the release.
        always: The names of stages that every app must have passed, also one for which the pipeline hasn't made them.
        absent: Stages that are asked for, and that the pipeline hasn't: name -> `file:line` of who asks.
        changed: Stages of `after` that the pipeline makes something else of than the policy says: name -> why.
        entries: All of that for people, each with its place.
        policy: The operator's policy.
    """

    after: tuple[Stage, ...] = ()
    max_age: float | None = None
    parity: tuple[str, ...] = ()
    heeds_stops: bool = False
    own: str | None = None
    approvals: tuple[Approvals, ...] = ()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    soaks: tuple[Soak, ...] = ()
    always: frozenset[str] = frozenset()
    absent: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    entries: tuple[RequirementEntry, ...] = ()
    policy: Policy = field(default_factory=Policy)

    @property
    def is_guarded(self) -> bool:
        """Whether proofs are asked for."""
        return bool(self.after or self.absent)

    @property
    def has_times(self) -> bool:
        """Whether it matters what time it is."""
        return bool(self.windows or self.freezes)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        asked = (self.parity, self.approvals, self.has_times, self.heeds_stops)
        return not (self.is_guarded or any(asked))


def requirements_of(project: Project, environment: Environment) -> Requirements:
    """What holds for an environment.

    Without `require`, hosts that exist already are guarded where the pipeline names their environment: all stages
    before its own must have passed. Copies that a provider makes are where things are tried; they ask for nothing.
    What's on the line, since the pipeline names it or it requires something, takes nothing that was stopped.

    Raises:
        ArtifactError: The operator's policy can't be read.
        InvalidFile: It breaks a rule.
    """
    policy = policy_of(project)
    own = project.pipeline.of_environment(environment.name)
    require = environment.require or _default(project, environment)
    added = policy.environments.get(environment.name)
    on_line = own is not None or environment.require is not None
    heeds = added is not None or (environment.throwaway is None and on_line)
    return _together(project, require, added or Require(), heeds, policy, own.name if own else None)


def _default(project: Project, environment: Environment) -> Require:
    own = project.pipeline.of_environment(environment.name)
    if own is None or environment.provider != "existing":
        return Require()
    before = project.pipeline.before(own.name)
    source = f"cdconf.yml:{own.line}"
    return Require(
        after=before, entries=(RequirementEntry("after", ", ".join(before), source, before),) if before else ()
    )


def _together(
    project: Project, require: Require, added: Require, heeds: bool, policy: Policy, own: str | None
) -> Requirements:
    soaks = require.soaks + added.soaks
    wanted = {*require.after, *added.after, *(soak.stage for soak in soaks)}
    always = {*added.after, *(soak.stage for soak in added.soaks)}
    known = [stage.name for stage in project.pipeline.stages]
    after = tuple(stage for stage in project.pipeline.stages if stage.name in wanted)
    return Requirements(
        after=after,
        max_age=min((one.max_age for one in (require, added) if one.max_age is not None), default=None),
        parity=tuple(dict.fromkeys(require.parity + added.parity)),
        heeds_stops=heeds,
        own=own,
        approvals=require.approvals + added.approvals,
        windows=require.windows + added.windows,
        freezes=require.freezes + added.freezes,
        soaks=soaks,
        always=frozenset(always & set(known)),
        absent=tuple(_absent(always - set(known), added)),
        changed=tuple(changed(policy.stages, after)),
        entries=require.entries + added.entries,
        policy=policy,
    )


def _absent(names: Iterable[str], added: Require) -> list[tuple[str, str]]:
    """Stages that the policy asks for and a commit doesn't have, with the place where it does."""
    asking = {stage: entry.source for entry in reversed(added.entries) for stage in entry.stages}
    return [(name, asking.get(name, "")) for name in sorted(names)]
