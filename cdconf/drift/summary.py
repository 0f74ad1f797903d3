"""What a look for drift came to, in a line for each cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cdconf.drift.findings import CAUSES, ORPHAN, DriftFinding
from cdconf.events import Cause

_WORDS: Mapping[Cause, str] = MappingProxyType(
    {
        "by_hand": "changed on the host since it was applied",
        "not_applied": "changed in the files, and not applied yet",
        "both": "changed on the host and in the files",
        "unknown": "can't be told",
    }
)
_NAMED = 5  # hosts that a line names


def summary(findings: Sequence[DriftFinding]) -> list[str]:
    """`by hand: 3 changed on the host since it was applied (web1, web2)`; causes without findings aren't told.

    Args:
        findings: What was found; waived ones aren't told.
    """
    lines = []
    for cause in CAUSES:
        hosts = [finding.host for finding in findings if finding.cause == cause and finding.waived is None]
        if hosts:
            names = list(dict.fromkeys(hosts))
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            where = ", ".join(names[:_NAMED])
            lines.append(f"{cause.replace('_', ' ')}: {len(hosts)} {_WORDS[cause]} ({where}{more})")
    return lines


def commands(findings: Sequence[DriftFinding], target: str) -> list[str]:
    """What repairs most of the findings, a line for each cause that has a command of its own.

    An orphan, and what has a command of its own, isn't among them: `provision` leaves it.

    Args:
        findings: What was found; waived ones don't count.
        target: The environment, with the options that chose its hosts, as a shell reads it.
    """
    causes = {one.cause for one in findings if one.waived is None and one.repair is None and one.type != ORPHAN}
    lines = []
    if "by_hand" in causes:
        lines.append(f"to undo changes made by hand: `cdconf drift {target} --fix`")
    if "not_applied" in causes:
        lines.append(f"to apply the files: `cdconf provision {target}`")
    return lines
