"""Offices: what a key may speak for. Each is a namespace of OpenSSH's `allowed_signers`.

cdconf-stage:NAME    says that the stage NAME has passed or failed
cdconf-approve       says that a person approves
cdconf-override      passes a gate without what it asks for, and lifts any stop
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cdconf.errors import UsageError, nearest_or_all

PREFIX = "cdconf-"
STAGE = "cdconf-stage:"
APPROVE = "cdconf-approve"
OVERRIDE = "cdconf-override"
_STAGE_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")


def stage_office(stage: str) -> str:
    """The office that speaks for a stage."""
    return f"{STAGE}{stage}"


def is_office(text: str) -> bool:
    """Whether this version knows an office of this name."""
    if text.startswith(STAGE):
        return _STAGE_NAME.fullmatch(text[len(STAGE) :]) is not None
    return text in (APPROVE, OVERRIDE)


def named(word: str, stages: Iterable[str] = ()) -> str:
    """The office that a word on the command line names: `stage:manual`, `override`, or the whole namespace.

    Args:
        word: The word.
        stages: Those of the pipeline, for the hint.

    Raises:
        UsageError: None does.
    """
    office = word if word.startswith(PREFIX) else f"{PREFIX}{word}"
    if not is_office(office):
        there = [shown(stage_office(stage)) for stage in stages] or ["stage:NAME"]
        if stage_office(word).removeprefix(PREFIX) in there:
            hint = f"did you mean 'stage:{word}'?"
        else:
            hint = nearest_or_all(word, [*there, shown(APPROVE), shown(OVERRIDE)])
        raise UsageError(f"there is no office '{word}'", hint=hint)
    return office


def shown(office: str) -> str:
    """How people name it: `stage:manual`, `override`."""
    return office.removeprefix(PREFIX)
