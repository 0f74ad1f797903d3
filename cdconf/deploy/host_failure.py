"""A host's error as the state machine sees it."""

from __future__ import annotations

from cdconf.databases.migrate import MigrationFailed
from cdconf.deploy.rollout import Failure
from cdconf.errors import CdconfError, Unreachable
from cdconf.session import AgentError


def failure_of(error: CdconfError) -> Failure:
    """A step's error as the state machine sees it; the release is to blame only where the step itself says so."""
    remedy = error.details.get("hint") if isinstance(error, AgentError) else None
    message = "\n".join(filter(None, [error.message, error.detail, remedy and f"hint: {remedy}"]))
    verdict = isinstance(error, MigrationFailed) or (isinstance(error, AgentError) and error.reason == "release")
    return Failure(message, verdict=verdict, unreachable=isinstance(error, Unreachable))
