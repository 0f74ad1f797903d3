"""Which stage of the pipeline a deployment is, and whether what it does is what that stage stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.errors import GateClosed, UsageError, did_you_mean
from cdconf.promotion.policy import policy_of
from cdconf.promotion.stage_pins import changed

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.pipeline import Stage


def stage_for(project: Project, environment: Environment, name: str | None) -> Stage | None:
    """The stage that a deployment to an environment is: the one that's named, else the one that names it.

    Raises:
        UsageError: There's no such stage, or it deploys somewhere else.
    """
    if name is None:
        return project.pipeline.of_environment(environment.name)
    stage = project.pipeline.named(name)
    if stage is None:
        known = [one.name for one in project.pipeline.stages]
        hint = did_you_mean(name, known) or f"there are: {', '.join(known) or 'none'}"
        raise UsageError(f"the pipeline in cdconf.yml has no stage '{name}'", hint=hint)
    if stage.environment not in (None, environment.name):
        hint = f"`--to {stage.environment}`, or leave --stage out"
        raise UsageError(f"stage '{name}' deploys to {stage.environment}, not to {environment.name}", hint=hint)
    if stage.copy_of not in (None, environment.copy_of):
        hint = f"make one with `cdconf provision --copy-of {stage.copy_of} --name try-1`"
        raise UsageError(
            f"stage '{name}' is passed in a copy of {stage.copy_of}: {environment.name} is none", hint=hint
        )
    return stage


def check_stage(project: Project, stage: Stage) -> None:
    """Raises `GateClosed` for a stage that the pipeline makes something else of than the operator's policy says.

    Raises:
        ArtifactError: The policy can't be read.
        GateClosed: See above.
        InvalidFile: The policy breaks a rule.
    """
    for _, why in changed(policy_of(project).stages, [stage]):
        raise GateClosed(why, hint="nothing that it says would count; change the policy if the new stage is meant")


def has_command(stage: Stage) -> bool:
    """Whether a deployment passes the stage only with the stage's own command."""
    return stage.run is not None and stage.place is not None
