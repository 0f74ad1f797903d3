"""What an operator has laid down for a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cdconf.inventory.pipeline import Require
from cdconf.promotion.people import People
from cdconf.promotion.stage_pins import StagePin


@dataclass(frozen=True)
class PolicyPin:
    """What the project's files must say.

    Attributes:
        value: The value.
        source: `file:line`.
    """

    value: str
    source: str = field(default="", compare=False)


@dataclass(frozen=True)
class Policy:
    """What an operator has laid down for a project.

    Attributes:
        file: Where that stands; empty where there's none.
        project: The name that the project must have.
        store: The artifact store that it must use.
        environments: Those that are guarded: name -> what's required besides what hosts.yml says.
        stages: What stages must be: name -> what that is.
        people: Who may approve, and who has written what.
    """

    file: str = ""
    project: PolicyPin | None = None
    store: PolicyPin | None = None
    environments: Mapping[str, Require] = field(default_factory=dict)
    stages: Mapping[str, StagePin] = field(default_factory=dict)
    people: People = field(default_factory=People)
