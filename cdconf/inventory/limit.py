"""`--limit`: which of an environment's hosts a command is about."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cdconf.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdconf.inventory.model import Environment, Host, Project


def check_roles(project: Project, roles: Iterable[str]) -> None:
    """Raises `UsageError` for a role (`--role`) that no group has."""
    known = sorted({role for group in project.groups.values() for role in group})
    for name in roles:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are: {', '.join(known) or 'none'}"
            raise UsageError(f"no group has the role '{name}'", hint=hint)


def select(project: Project, environment: Environment, pattern: str | None) -> list[Host]:
    """The hosts that a pattern names, in the environment's order.

    Args:
        project: For its groups.
        environment: For its hosts.
        pattern: Comma-separated hosts, groups and globs; `!` takes away: `web,!web2`. None or `all`: every host.

    Raises:
        UsageError: A part, or the whole pattern, names no host.
    """
    parts = [part.strip() for part in pattern.split(",") if part.strip()] if pattern is not None else ["all"]
    if not parts:
        raise UsageError(f"'{pattern}' isn't a pattern", hint="such as web, web1 or web,!web2")
    chosen: set[str] = set(environment.hosts) if parts[0].startswith("!") else set()
    for part in parts:
        hosts = _matching(project, environment, part.lstrip("!"))
        chosen = chosen - hosts if part.startswith("!") else chosen | hosts
    if not chosen:
        raise UsageError(f"--limit '{pattern}' leaves no host of {environment.name}")
    return [host for host in environment.hosts.values() if host.name in chosen]


def _matching(project: Project, environment: Environment, word: str) -> set[str]:
    if word == "all":
        return set(environment.hosts)
    found = {
        host.name
        for host in environment.hosts.values()
        if fnmatchcase(host.name, word) or any(fnmatchcase(group, word) for group in host.groups)
    }
    if not found:
        known = [*environment.hosts, *project.groups]
        raise UsageError(
            f"'{word}' isn't a host of {environment.name}, nor a group with hosts",
            hint=did_you_mean(word, known) or f"there are: {', '.join(environment.hosts)}",
        )
    return found
