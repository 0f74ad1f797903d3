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
    results = [_result(one, list(rules), levels, prefix) for one in look.findings]
    for name, why in {**look.unreachable, **look.failed, **({"": look.error} if look.error else {})}.items():
        text = f"{name}: {why}" if name else why
        identity = f"unreachable\0{look.environment}\0{name}"
        results.append(sarif.result("drift_unreachable", len(rules) - 1, "warning", text, identity))
    described = [sarif.rule(kind, text, levels.get(kind, "warning")) for kind, text in rules.items()]
    return sarif.log(described, results)


def _result(one: DriftFinding, rules: list[str], levels: dict[str, str], prefix: str) -> dict[str, Any]:
    kind = f"drift_{one.cause}"
    file, _, line = (one.source or "").rpartition(":")
    place = (f"{prefix}{file}", int(line)) if file and line.isdecimal() else None
    identity = "\0".join((*one.identity, one.cause))
    text = f"{one.host}: {message_of(one)}"
    result = sarif.result(kind, rules.index(kind), levels.get(kind, "warning"), text, identity, place)
    if one.waived is not None:
        result["suppressions"] = [{"kind": "external", "justification": one.waived}]
    return result
