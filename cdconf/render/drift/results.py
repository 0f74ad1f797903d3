"""SARIF of a look for drift."""

from __future__ import annotations

from typing import Any

from cdconf.drift.findings import DriftFinding
from cdconf.render import sarif
from cdconf.render.drift.look import CAUSES, DriftLook, message_of


def document(look: DriftLook, prefix: str) -> dict[str, Any]:
    """SARIF 2.1.0: a result for each finding, at its line of the role; waived ones are suppressed.

    Args:
        look: The look.
        prefix: Of the project in its git repository, see `sarif.prefix_of`.
    """
    rules = {
        **{f"drift_{cause}": text for cause, text in CAUSES.items()},
        "drift_unreachable": "A host wasn't looked at.",
    }
    levels = {"drift_by_hand": "error", "drift_both": "error", "drift_not_applied": "warning"}
    results = [_result(finding, list(rules), levels, prefix) for finding in look.findings]
    for name, why in {**look.unreachable, **look.failed, **({"": look.error} if look.error else {})}.items():
        text = f"{name}: {why}" if name else why
        identity = f"unreachable\0{look.environment}\0{name}"
        results.append(sarif.result("drift_unreachable", len(rules) - 1, "warning", text, identity))
    described = [sarif.rule(kind, text, levels.get(kind, "warning")) for kind, text in rules.items()]
    return sarif.log(described, results)


def _result(finding: DriftFinding, rules: list[str], levels: dict[str, str], prefix: str) -> dict[str, Any]:
    kind = f"drift_{finding.cause}"
    file, _, line = (finding.source or "").rpartition(":")
    place = (f"{prefix}{file}", int(line)) if file and line.isdecimal() else None
    identity = "\0".join((*finding.identity, finding.cause))
    text = f"{finding.host}: {message_of(finding)}"
    result = sarif.result(kind, rules.index(kind), levels.get(kind, "warning"), text, identity, place)
    if finding.waived is not None:
        result["suppressions"] = [{"kind": "external", "justification": finding.waived}]
    return result
