"""Secrets that can't be masked, since too much of what runs show would go with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from cdconf.inventory import keys
from cdconf.secrets.forms import SHORTEST

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.inventory.key import Key


def spared(project: Project, environment: Environment, names: Collection[str]) -> frozenset[str]:
    """The words that are never masked: names of hosts, groups and keys, `true` and `false`.

    Args:
        project: The project.
        environment: Whose hosts.
        names: The names of its secrets.
    """
    words = {"true", "false", "True", "False", *names, *environment.hosts, *project.groups, "all"}
    return frozenset({*words, *(name for one in (keys.CDCONF, keys.HOSTS) for name in _keys(one))})


def why(value: str, words: Collection[str]) -> str | None:
    """Why a value can't be masked; None when it can.

    Args:
        value: A secret.
        words: See `spared`.
    """
    if len(value) < SHORTEST:
        return f"it has fewer than {SHORTEST} characters"
    if value in words:
        return "it's a word that runs show anyway: a host's, a group's or a key's name, true or false"
    return None


def _keys(section: Mapping[str, Key]) -> Iterator[str]:
    for name, key in section.items():
        yield name
        for inner in (key.keys, key.member.keys if key.member else None):
            yield from _keys(inner) if inner else ()
