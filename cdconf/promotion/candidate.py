"""What's about to be brought to an environment, and what a gate says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cdconf.promotion.said import Subject


@dataclass(frozen=True)
class CandidateLink:
    """One thing that's asked for.

    Attributes:
        name: `after manual`, `parity staging`, `no stop`.
        state: There, missing, or only to be told by hosts.
        why: What's there, or what's missing.
        command: What brings it.
        statement: The object that proves it, or that stands in the way.
        details: The same as data, where there's more to say; of approvals see `approvals.count`.
    """

    name: str
    state: Literal["there", "missing", "asked_later"]
    why: str
    command: str | None = None
    statement: str | None = None
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Candidate:
    """What's about to be brought to an environment.

    Attributes:
        procedure: The digest of how; None when there's none, and `not_provable` says why.
        commit: The commit that the procedure was read from; empty when there's none.
        built_from: The commit that the artifact was built from; None when nobody can say.
        not_built: Why nobody can say from which commit the artifact was built; empty when it's known.
    """

    subject: Subject
    project: str
    app: str
    environment: str
    procedure: str | None
    not_provable: str = ""
    not_built: str = ""
    commit: str = ""
    built_from: str | None = None
