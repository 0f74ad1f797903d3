"""What a look for drift finds: one value for renderers, waivers, `--fix` and notifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cause = Literal["by_hand", "not_applied", "both", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing on one host that isn't as it was applied, or as the files want it, or that can't be told.

    Attributes:
        host: The host's name.
        type: The resource's type; `release`, `toggles` and `orphan` are findings of their own kind.
        title: The resource's title, as the role names it.
        cause: `by_hand`: the host differs from what was applied; `not_applied`: the files differ from what was
            applied; `both`; `unknown`: it can't be told, so it is never "no drift".
        source: `FILE:LINE` of the role, relative to the project; None where no file declares it.
        diff: Text for people, sensitive values replaced; None where there is none.
        message: Why it can't be told, or what else is to be said.
        first_seen: Seconds since the epoch at which the host first saw it so; None where nobody remembers.
        evidence: What the host's own logs and files say about who and when, a sentence each: never a verdict.
        repair: The command that mends it, where `drift --fix` or `provision` doesn't by itself.
        waived: The reason of the waiver that covers it; None where none does.
    """

    host: str
    type: str
    title: str
    cause: Cause
    source: str | None = None
    diff: str | None = None
    message: str | None = None
    first_seen: float | None = None
    evidence: tuple[str, ...] = ()
    repair: str | None = None
    waived: str | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """(host, type, title): what a waiver names, and by which two looks are compared."""
        return self.host, self.type, self.title
