"""What differs between two revisions as Markdown, for a comment on a pull request.

GitHub takes 65,536 characters for a comment; GitLab and others take more. What's shown of each change is bounded, and
when there's still no room the rest is counted. Titles and diffs come from files that anybody may have written: they
stand in `<code>` and fences, where they're no markup and mention nobody.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cdconf.render import revisions, words

if TYPE_CHECKING:
    from cdconf.plans.changes import PlannedChange
    from cdconf.plans.fleet import FleetPlan

LIMIT = 60_000
ONE = 6_000  # characters of one change's diff
_SIGNS = {"added": "🟢", "removed": "🔴", "changed": "🟡", "reordered": "🔵", "unknown": "⚪"}


def document(plan: FleetPlan, environment: str, mask: Callable[[str], str], limit: int = LIMIT) -> str:
    """The comment, at most `limit` characters.

    Args:
        plan: What differs.
        environment: The environment's name.
        mask: Takes secrets out of all text, before it's escaped or cut.
        limit: At least some thousand.
    """
    parts = list(_head(plan, environment, mask))
    size = sum(map(len, parts))
    changes = revisions.ordered(plan)
    for number, change in enumerate(changes):
        part = _one(plan, change, mask)
        if size + len(part) > limit - 500:
            parts.append(f"\n… and {len(changes) - number} more changes, for which a comment has no room.\n")
            break
        parts.append(part)
        size += len(part)
    parts.append(f"\n<sub>{html.escape(mask(revisions.facts_line(plan)))}</sub>\n")
    return "".join(parts)


def _head(plan: FleetPlan, environment: str, mask: Callable[[str], str]) -> Iterator[str]:
    between = f"{plan.before.revision.shown} → {plan.after.revision.shown}"
    yield f"### Plan for {_code(environment, mask)}\n\n{_code(between, mask)}\n\n"
    yield f"**{html.escape(revisions.summary(plan))}**\n"
    found = list(revisions.inventory_lines(plan))
    shown = _cut("\n".join(map(mask, found)), ONE)
    if found:
        yield f"\n<details open><summary>Hosts and groups ({len(found)})</summary>\n\n{_fenced(shown)}\n</details>\n"


def _one(plan: FleetPlan, change: PlannedChange, mask: Callable[[str], str]) -> str:
    where = _code(revisions.where(change), mask) if revisions.where(change) else ""
    hosts = _code(revisions.hosts_of(plan, change), mask)
    summary = f"{_SIGNS[change.kind]} {change.kind} {_code(revisions.what(change), mask)} on {hosts}"
    if not change.diff and not change.message:
        return f"\n{summary} {where}\n"
    message = f"{html.escape(words.shown(_cut(mask(change.message), 1000)))}\n\n" if change.message else ""
    diff = _fenced(_cut(mask(change.diff), ONE)) if change.diff else ""
    return f"\n<details><summary>{summary}</summary>\n\n{where}\n\n{message}{diff}\n</details>\n"


def _code(text: str, mask: Callable[[str], str]) -> str:
    return f"<code>{html.escape(' '.join(words.shown(_cut(mask(text), 300)).split()))}</code>"


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[:size].rpartition(chr(10))[0] or text[:size]}\n…"


def _fenced(text: str) -> str:
    """The text in a fence that's longer than any in it."""
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}diff\n{words.shown(text).rstrip(chr(10))}\n{fence}\n"
