"""The kinds of events that can be told, and what is told of one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "success", "warning", "failure"]

KINDS: Mapping[str, tuple[Severity, str]] = {
    "drift_found": ("warning", "a resource of a host isn't as it was applied, or as the files want it"),
    "drift_gone": ("success", "a resource that had drifted is as it should be again"),
    "stage_failed": ("failure", "a stage of the pipeline is red"),
    "approval_needed": ("info", "a gate waits for people's approvals"),
    "released": ("success", "a deployment has brought an artifact to an environment"),
    "rolled_back": ("failure", "a deployment failed and went back, or somebody called `rollback`"),
    "line_stopped": ("failure", "an artifact, or all of an app, is stopped"),
    "line_resumed": ("success", "a stop was lifted"),
    "schedule_silent": ("failure", "a schedule has missed its runs"),
    "schedule_heard": ("success", "a schedule that was silent runs again"),
}
LONGEST_TITLE, LONGEST_BODY = 200, 3000  # characters
# What chat services take for a call to everybody; hosts and commits can say such words, too.
_CALLS = re.compile(r"(?<=@)(?=everyone|here|channel|all\b)|(?<=<)(?=[!@#])")
_MARK = "\u200b"  # a space without width


@dataclass(frozen=True)
class Notification:
    """One event that's told.

    Attributes:
        identity: The event's own: whatever tells the same event again has the same one.
        kind: One of `KINDS`.
        title: One line.
        body: What else there is to say; secrets are masked already.
        environment: The environment that it's about; None: about none.
        app: The app that it's about; None: about none.
    """

    identity: str
    kind: str
    title: str
    body: str = ""
    environment: str | None = None
    app: str | None = None


def identity(kind: str, *subject: str) -> str:
    """An event's identity: its kind, and a digest of what it's about."""
    digest = hashlib.sha256(json.dumps(subject).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kind}:{digest[:32]}"


def plain(text: str, longest: int) -> str:
    """A text as it's sent: no control characters, no calls to everybody, and not endless.

    Args:
        text: The text; hosts and commits may have said it.
        longest: How many characters it may have.
    """
    kept = "".join(one if one == "\n" or one.isprintable() else "?" for one in text[: 2 * longest])
    kept = _CALLS.sub(_MARK, kept)
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"
