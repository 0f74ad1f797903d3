"""One look for drift, at its end: what all the formats are made of."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cdconf.drift.findings import DriftFinding
from cdconf.render.words import shown

CAUSES = {
    "by_hand": "The host was changed since it was applied.",
    "not_applied": "The files were changed, and not applied yet.",
    "both": "The host and the files were changed.",
    "unknown": "It can't be told whether the host is as it was applied.",
}
NOTHING = hashlib.sha256().hexdigest()  # the signature of a look that found nothing
_TEXTS = ("type", "title", "source", "diff", "message", "repair", "waived")


@dataclass(frozen=True)
class DriftLook:
    """One look for drift, at its end.

    Attributes:
        project: The project's name.
        environment: The environment's.
        hosts: The hosts that were to be looked at.
        unreachable: Host -> why it couldn't be reached.
        failed: Host -> why it couldn't be looked at.
        findings: What was found, waived ones included.
        error: What ended the look as a whole; None when nothing did.
        duration_s: How long it took.
        last_success: When a look last got through on all hosts, in seconds since 1970; None where nobody knows.
    """

    project: str
    environment: str
    hosts: tuple[str, ...]
    unreachable: dict[str, str]
    failed: dict[str, str]
    findings: tuple[DriftFinding, ...]
    error: str | None = None
    duration_s: float = 0.0
    last_success: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all hosts were looked at."""
        return not (self.unreachable or self.failed or self.error)

    def counts(self) -> dict[str, int]:
        """Cause -> how many findings no waiver covers; every cause is named."""
        found = Counter(finding.cause for finding in self.findings if finding.waived is None)
        return {cause: found[cause] for cause in CAUSES}  # type: ignore[index]

    @property
    def waived(self) -> int:
        """How many findings a waiver covers."""
        return sum(finding.waived is not None for finding in self.findings)


def masked(look: DriftLook, mask: Callable[[str], str]) -> DriftLook:
    """The same without secrets, whoever said them, and without what a terminal would obey."""

    def text(raw: str | None) -> str | None:
        return None if raw is None else shown(mask(raw))

    def finding(drift_finding: DriftFinding) -> DriftFinding:
        texts: dict[str, Any] = {name: text(getattr(drift_finding, name)) for name in _TEXTS}
        return replace(drift_finding, evidence=tuple(shown(mask(each)) for each in drift_finding.evidence), **texts)

    findings = [finding(drift_finding) for drift_finding in look.findings]
    unreachable, failed = (
        {name: shown(mask(why)) for name, why in one.items()} for one in (look.unreachable, look.failed)
    )
    return replace(look, findings=tuple(findings), unreachable=unreachable, failed=failed, error=text(look.error))


def message_of(finding: DriftFinding) -> str:
    """A finding for people: what it is, how it differs, who may have done it, and what mends it."""
    parts = [
        f"{finding.type} {finding.title}: {CAUSES[finding.cause]}",
        finding.message,
        finding.diff,
        *finding.evidence,
    ]
    parts += [f"to fix it: {finding.repair}"] if finding.repair else []
    return "\n".join(part.rstrip("\n") for part in parts if part)


def signature(look: DriftLook) -> str:
    """Changes when what was found does: what's found, why, how it differs, waived or not; who couldn't be looked at.

    How long something took, or since when it's known, is no news.
    """
    total = hashlib.sha256()
    rows: list[tuple[str, ...]] = [
        (*finding.identity, finding.cause, finding.diff or "", finding.message or "", finding.waived or "")
        for finding in look.findings
    ]
    rows += [("unreachable", name) for name in look.unreachable]  # why is told in other words each time
    rows += [("failed", name, why) for name, why in look.failed.items()]
    rows += [("error", look.error)] if look.error else []
    for row in sorted(rows):
        total.update(("\0".join(row) + "\1").encode("utf-8", "surrogatepass"))
    return total.hexdigest()
