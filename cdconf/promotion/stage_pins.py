"""What a stage stands for, as the operator's policy says: a commit may not point it at something easier (ADR 65)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cdconf.promotion.checked import CheckedObject
from cdconf.promotion.said import Held, Proof, RolesProof, Said
from cdconf.yamlfile import shown

if TYPE_CHECKING:
    from cdconf.inventory.pipeline import Stage

_PASSED = (Proof, Held, RolesProof)


@dataclass(frozen=True)
class StagePin:
    """What a stage must be; None, or 0: the policy doesn't say.

    Attributes:
        environment: The environment that it deploys to.
        copy_of: The environment of which it makes a copy, or of which its environment is one.
        run: Its command.
        hosts: On how many hosts it must have been passed at least.
        source: `file:line`.
    """

    environment: str | None = None
    copy_of: str | None = None
    run: str | None = None
    hosts: int = 0
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        known = {"environment": self.environment, "copy_of": self.copy_of, "run": self.run, "hosts": self.hosts or None}
        return ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)


def changed(pins: Mapping[str, StagePin], stages: Iterable[Stage]) -> list[tuple[str, str]]:
    """The stages that the pipeline makes something else of than the policy says: name -> why."""
    found = ((stage.name, _unlike(stage, pins[stage.name])) for stage in stages if stage.name in pins)
    return [(name, why) for name, why in found if why is not None]


def held_to(pins: Mapping[str, StagePin], said: Sequence[CheckedObject]) -> list[CheckedObject]:
    """The same, where a stage's good word counts for nothing unless it was passed as the policy says.

    A bad word always counts, wherever it comes from.
    """
    return [_held(pins, checked_object) for checked_object in said]


def _held(pins: Mapping[str, StagePin], checked_object: CheckedObject) -> CheckedObject:
    if (
        checked_object.refusal is not None
        or not isinstance(checked_object.said, _PASSED)
        or checked_object.said.stage not in pins
    ):
        return checked_object
    why = _short_of(checked_object.said, pins[checked_object.said.stage])
    return checked_object if why is None else replace(checked_object, refusal=why)


def _unlike(stage: Stage, pin: StagePin) -> str | None:
    own = (
        "nothing" if stage.place is None else f"a copy of {stage.copy_of}" if stage.copy_of else str(stage.environment)
    )
    wants_copy = pin.environment is None and pin.copy_of is not None
    if pin.environment is not None and stage.environment != pin.environment:
        return _told(stage, f"deploys to {own}", f"it deploys to {pin.environment}", pin)
    if wants_copy and stage.environment is None and stage.copy_of != pin.copy_of:
        return _told(stage, f"deploys to {own}", f"it deploys to a copy of {pin.copy_of}", pin)
    if pin.run is not None and stage.run != pin.run:
        does = f"runs {shown(stage.run)}" if stage.run is not None else "runs no command"
        return _told(stage, does, f"it runs {shown(pin.run)}", pin)
    return None


def _told(stage: Stage, does: str, wanted: str, pin: StagePin) -> str:
    return f"stage '{stage.name}' {does} (cdconf.yml:{stage.line}), and {pin.source} says that {wanted}"


def _short_of(said: Said, pin: StagePin) -> str | None:
    """Why a stage's good word isn't about what the policy means, after "it"."""
    if not isinstance(said, _PASSED) or getattr(said, "result", "passed") != "passed":
        return None
    if pin.environment is not None and said.environment != pin.environment:
        return (
            f"is about the environment '{said.environment}', and {pin.source} says that the stage is {pin.environment}"
        )
    if pin.copy_of is not None and said.copy_of != pin.copy_of:
        return f"is about {said.environment}, which was no copy of {pin.copy_of}, as {pin.source} wants"
    if len(said.hosts) < pin.hosts:
        return f"was passed on {len(said.hosts)} of the {pin.hosts} hosts that {pin.source} asks for"
    if isinstance(said, Proof) and pin.run is not None and said.acceptance is None:
        return f"was made without the stage's command, which {pin.source} asks for"
    return None
