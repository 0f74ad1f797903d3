"""The facts `paths`: each is named by its pattern, and gathered by itself, as the group `paths:PATTERN`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cdconf.agent.records.shapes import Misfit

PATHS = "paths"
MOST_PATTERNS = 50  # of one host: each takes a round trip in the first run
_LONGEST = 500
_MOST_FOUND = 2000  # as the agent has it
_TYPES = ("file", "directory", "link", "other")


def group_for(pattern: object) -> str:
    """The group of a pattern.

    Raises:
        ValueError: It's no pattern.
    """
    if not isinstance(pattern, str) or not pattern.startswith("/"):
        raise ValueError('a pattern of `facts.paths` begins with /, as in facts.paths["/etc/cron.d/*"]')
    parts = pattern.strip("/").split("/")
    if any("**" in part for part in parts):
        raise ValueError("`facts.paths` searches no tree: write a `*` for each directory instead of `**`")
    if parts[0] == "proc":
        raise ValueError("what's below /proc changes by itself, so `facts.paths` doesn't show it")
    if any(part in ("", ".", "..") for part in parts) or len(pattern) > _LONGEST or not pattern.isprintable():
        raise ValueError("a pattern of `facts.paths` is an absolute path without `.`, `..` and `//`")
    return f"{PATHS}:{pattern}"


def pattern_of(group: str) -> str | None:
    """The pattern that a group is for; None for all other groups."""
    name, _, pattern = group.partition(":")
    return pattern if name == PATHS and pattern else None


def patterns_of(groups: Sequence[str]) -> list[str]:
    """The patterns that some groups are for."""
    return [pattern for group in groups if (pattern := pattern_of(group)) is not None]


def merge(known: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Adds facts to others; paths are added to those of other patterns."""
    paths = {**known.get(PATHS, {}), **found.get(PATHS, {})}
    known.update(found)
    if paths:
        known[PATHS] = paths


def checked_paths(told: Mapping[str, Any], patterns: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """What a host says of some patterns.

    Raises:
        Misfit: One lacks, or isn't a list of paths.
    """
    paths = told.get(PATHS)
    result = {}
    for pattern in patterns:
        found = paths.get(pattern) if isinstance(paths, Mapping) else None
        if not isinstance(found, list) or len(found) > _MOST_FOUND:
            raise _misfit(pattern, "a list of paths")
        result[pattern] = [_checked(one, pattern) for one in found]
    return result


def _checked(one: Any, pattern: str) -> dict[str, str]:
    path = one.get("path") if isinstance(one, dict) else None
    if not isinstance(path, str) or not path.startswith("/") or not path.isprintable() or one.get("type") not in _TYPES:
        raise _misfit(pattern, "a list of paths with their types")
    return {"path": path, "type": one["type"]}


def _misfit(pattern: str, wanted: str) -> Misfit:
    misfit = Misfit(wanted, "something else")
    misfit.place += [PATHS, pattern]
    return misfit


class AnyPattern(dict[str, Any]):
    """The paths of a host that nobody has seen: one for each pattern."""

    def __missing__(self, pattern: str) -> Any:
        path = pattern.rstrip("/").replace("*", "example").replace("?", "x")
        return [{"path": path, "type": "directory" if pattern.endswith("/") else "file"}]
