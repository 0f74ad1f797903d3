"""A comparison for people and for programs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from cdconf.parity.model import Comparison, ParityFinding, ParitySide, Sealed

_SIGNS = {"unexplained": "!", "declared": "=", "inherent": "."}
_LINES = 20  # of a diff


def lines(found: Comparison, *, verbose: bool) -> Iterator[str]:
    """The comparison as people read it: group by group, then what nothing matches, then the counts.

    Args:
        found: The comparison.
        verbose: Inherent differences, too.
    """
    for group, (ours, theirs) in found.groups.items():
        shown = [
            finding
            for finding in found.findings
            if finding.group == group and (verbose or finding.status != "inherent")
        ]
        if shown:
            yield f"{group} ({found.ours}: {', '.join(ours) or 'none'}; {found.theirs}: {', '.join(theirs) or 'none'})"
            for finding in sorted(shown, key=lambda parity_finding: -list(_SIGNS)[::-1].index(parity_finding.status)):
                yield from _finding(finding, found)
    for entry in found.unmatched:
        yield f"! {entry.file}:{entry.line}: nothing differs as `{entry}` says: remove it"
    yield from (str(unreleased) for unreleased in found.unreleased)
    yield _counts(found)


def masked(found: Comparison, mask: Callable[[str], str]) -> Comparison:
    """The comparison without secrets in its values, before a long one is cut: nobody knows half a secret."""

    def side(parity_side: ParitySide) -> ParitySide:
        return replace(parity_side, value=_masked(parity_side.value, mask))

    return replace(
        found,
        findings=tuple(
            replace(finding, ours=side(finding.ours), theirs=side(finding.theirs)) for finding in found.findings
        ),
    )


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    return type(value)(_masked(one, mask) for one in value) if type(value) in (list, tuple) else value


def _finding(finding: ParityFinding, found: Comparison) -> Iterator[str]:
    what = finding.name if finding.kind == "resource" else f"{finding.kind} {finding.name}"
    what = "os" if finding.kind == "os" else what
    field = f", {finding.field}" if finding.field and finding.field != "exists" else ""
    head = f"  {_SIGNS[finding.status]} {what}{field}"
    if _is_long(finding):
        yield f"{head}:{_reason(finding)}"
        yield from (f"      {line}" for line in _diff(finding, found))
    else:
        yield f"{head}: {shown(finding.ours.value)} | {shown(finding.theirs.value)}{_reason(finding)}"
    if finding.status == "unexplained":
        for name, side in ((found.ours, finding.ours), (found.theirs, finding.theirs)):
            place = side.source or ""
            yield f"      {name} ({', '.join(side.hosts) or 'no host'}) {place}".rstrip()


def _reason(finding: ParityFinding) -> str:
    causes = [name for name in finding.causes if name not in ("host", "hosts", "environment")] or finding.causes
    if finding.status == "unexplained":
        parts = [f"because of {', '.join(causes)}"] if causes else []
        parts += [finding.why] if finding.why else []
    else:
        parts = [f"{finding.status}: {finding.why}" if finding.why else finding.status]
    return f"  ({'; '.join(parts)})" if parts else ""


def _is_long(finding: ParityFinding) -> bool:
    return any(
        isinstance(side.value, str) and "\n" in side.value.rstrip("\n") for side in (finding.ours, finding.theirs)
    )


def _diff(finding: ParityFinding, found: Comparison) -> list[str]:
    texts = [
        side.value if isinstance(side.value, str) else shown(side.value) for side in (finding.ours, finding.theirs)
    ]
    made = list(
        difflib.unified_diff(texts[0].splitlines(), texts[1].splitlines(), found.ours, found.theirs, n=1, lineterm="")
    )
    return made[:_LINES] + ([f"… and {len(made) - _LINES} lines more"] if len(made) > _LINES else [])


def shown(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(member) for member in value) or "(none)"
    text = str(value).rstrip("\n")
    return text if len(text) <= 100 else f"{text[:97]}…"


def _counts(found: Comparison) -> str:
    counts = {status: len(found.having(status)) for status in ("unexplained", "declared", "inherent")}
    words = ", ".join(f"{count} {status}" for status, count in counts.items())
    text = f"{found.ours} and {found.theirs}: {words}"
    if found.unmatched:
        count = len(found.unmatched)
        text += f"; {count} {'entry' if count == 1 else 'entries'} of differs that nothing matches"
    return text


def briefly(found: Comparison, limit: int = 3) -> str:
    """The unexplained differences in one line, for a refusal."""
    names = [
        f"{finding.kind} {finding.name}" if finding.kind != "resource" else finding.name
        for finding in found.having("unexplained")
    ]
    names += [f"a `differs` entry that nothing matches ({entry.file}:{entry.line})" for entry in found.unmatched]
    unique = list(dict.fromkeys(names))
    rest = len(unique) - limit
    return ", ".join(unique[:limit]) + (f" and {rest} more" if rest > 0 else "")


def document(found: Comparison) -> dict[str, Any]:
    """The comparison's keys of the JSON document; every difference is in it, inherent ones too."""
    return {
        "environments": [found.ours, found.theirs],
        "groups": {
            name: {found.ours: list(sides[0]), found.theirs: list(sides[1])} for name, sides in found.groups.items()
        },
        "counts": {name: len(found.having(name)) for name in ("unexplained", "declared", "inherent")},
        "unreleased": [
            {"environment": unreleased.environment, "app": unreleased.app, "hosts": list(unreleased.hosts)}
            for unreleased in found.unreleased
        ],
        "differences": [_document(finding, found) for finding in found.findings],
        "unmatched": [
            {"entry": str(one), "why": one.why, "file": one.file, "line": one.line} for one in found.unmatched
        ],
    }


def _document(finding: ParityFinding, found: Comparison) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "name": finding.name,
        "field": finding.field,
        "group": finding.group,
        "status": finding.status,
        "why": finding.why,
        "causes": list(finding.causes),
        "seen": finding.seen,
        "declared_at": f"{finding.entry.file}:{finding.entry.line}" if finding.entry else None,
        "sides": {found.ours: _side(finding.ours), found.theirs: _side(finding.theirs)},
    }


def _side(side: ParitySide) -> dict[str, Any]:
    return {"hosts": list(side.hosts), "value": _plain(side.value), "source": side.source}


def _plain(value: Any) -> Any:
    if isinstance(value, (Sealed, bytes)):
        return shown(value)
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return value
