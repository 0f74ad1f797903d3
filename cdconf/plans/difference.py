"""What differs between two wanted states of one resource, for people."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cdconf.agent.base import printable

LIMIT = 64 * 1024  # characters of one resource's diff
HIDDEN = "(sensitive)"


def text(title: str, before: Mapping[str, Any], after: Mapping[str, Any], hidden: frozenset[str], new: bool) -> str:
    """A unified diff for texts of several lines, `name: old -> new` for the rest.

    Args:
        title: What the texts are of.
        before: Fields.
        after: Fields.
        hidden: Names of fields whose values aren't shown.
        new: There was nothing before.
    """
    lines: list[str] = []
    for name in dict.fromkeys([*before, *after]):
        old, wanted = before.get(name), after.get(name)
        if old == wanted:
            continue
        if name in hidden:
            lines.append(f"{name}: {HIDDEN}\n")
        elif _is_text(old) and _is_text(wanted) and "\n" in f"{old or ''}{wanted or ''}":
            lines += _unified(title, old or "", wanted or "")
        elif new:
            lines.append(f"{name}: {_shown(wanted)}\n")
        else:
            lines.append(f"{name}: {_shown(old)} -> {_shown(wanted)}\n")
    whole = printable("".join(lines))
    return str(whole) if len(whole) <= LIMIT else f"{whole[:LIMIT]}\n… (the diff goes on)\n"


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _shown(value: object) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bytes):
        return f"({len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:12]})"
    if isinstance(value, str):
        return str.__str__(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_shown)


def _unified(title: str, old: str, new: str) -> Iterator[str]:
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{title} (from)", f"{title} (to)", n=2)
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n"
