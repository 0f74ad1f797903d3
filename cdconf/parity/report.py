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
        shown = [one for one in found.findings if one.group == group and (verbose or one.status != "inherent")]
        if shown:
            yield f"{group} ({found.ours}: {', '.join(ours) or 'none'}; {found.theirs}: {', '.join(theirs) or 'none'})"
            for one in sorted(shown, key=lambda one: -list(_SIGNS)[::-1].index(one.status)):
                yield from _finding(one, found)
    for entry in found.unmatched:
        yield f"! {entry.file}:{entry.line}: nothing differs as `{entry}` says: remove it"
    yield from (str(one) for one in found.unreleased)
    yield _counts(found)


def masked(found: Comparison, mask: Callable[[str], str]) -> Comparison:
    """The comparison without secrets in its values, before a long one is cut: nobody knows half a secret."""

    def side(one: ParitySide) -> ParitySide:
        return replace(one, value=_masked(one.value, mask))

    return replace(
        found, findings=tuple(replace(one, ours=side(one.ours), theirs=side(one.theirs)) for one in found.findings)
    )


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    return type(value)(_masked(one, mask) for one in value) if type(value) in (list, tuple) else value


def _finding(one: ParityFinding, found: Comparison) -> Iterator[str]:
    what = one.name if one.kind == "resource" else f"{one.kind} {one.name}"
    what = "os" if one.kind == "os" else what
    field = f", {one.field}" if one.field and one.field != "exists" else ""
    head = f"  {_SIGNS[one.status]} {what}{field}"
    if _is_long(one):
        yield f"{head}:{_reason(one)}"
        yield from (f"      {line}" for line in _diff(one, found))
    else:
        yield f"{head}: {shown(one.ours.value)} | {shown(one.theirs.value)}{_reason(one)}"
    if one.status == "unexplained":
        for name, side in ((found.ours, one.ours), (found.theirs, one.theirs)):
            place = side.source or ""
            yield f"      {name} ({', '.join(side.hosts) or 'no host'}) {place}".rstrip()


def _reason(one: ParityFinding) -> str:
    causes = [name for name in one.causes if name not in ("host", "hosts", "environment")] or one.causes
    if one.status == "unexplained":
        parts = [f"because of {', '.join(causes)}"] if causes else []
        parts += [one.why] if one.why else []
    else:
        parts = [f"{one.status}: {one.why}" if one.why else one.status]
    return f"  ({'; '.join(parts)})" if parts else ""


def _is_long(one: ParityFinding) -> bool:
    return any(isinstance(side.value, str) and "\n" in side.value.rstrip("\n") for side in (one.ours, one.theirs))


def _diff(one: ParityFinding, found: Comparison) -> list[str]:
    texts = [side.value if isinstance(side.value, str) else shown(side.value) for side in (one.ours, one.theirs)]
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
    names = [f"{one.kind} {one.name}" if one.kind != "resource" else one.name for one in found.having("unexplained")]
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
            {"environment": one.environment, "app": one.app, "hosts": list(one.hosts)} for one in found.unreleased
        ],
        "differences": [_document(one, found) for one in found.findings],
        "unmatched": [
            {"entry": str(one), "why": one.why, "file": one.file, "line": one.line} for one in found.unmatched
        ],
    }


def _document(one: ParityFinding, found: Comparison) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "field": one.field,
        "group": one.group,
        "status": one.status,
        "why": one.why,
        "causes": list(one.causes),
        "seen": one.seen,
        "declared_at": f"{one.entry.file}:{one.entry.line}" if one.entry else None,
        "sides": {found.ours: _side(one.ours), found.theirs: _side(one.theirs)},
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
