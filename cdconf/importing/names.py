"""Names that cdconf can have, for names that Ansible has."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable

from cdconf.inventory.project import invalid_name

# What templates call by these names is cdconf's own; see docs/guides/from-ansible.md.
RESERVED = ("facts", "host", "hosts", "environment", "each")


def host_names(names: Iterable[str], groups: Iterable[str]) -> dict[str, str]:
    """Ansible's host names -> RFC 1123 labels: `web1` for web1.example.com where that's unique.

    Args:
        names: The hosts.
        groups: The groups' names in cdconf, which no host can have.
    """
    hosts = list(names)
    labels = {name: _label(name) for name in hosts}
    count = Counter(labels.values())
    wanted = {name: labels[name] if count[labels[name]] == 1 else _dashed(name) for name in hosts}
    return _unique(wanted, {*groups, "all"}, "-")


def group_names(names: Iterable[str]) -> dict[str, str]:
    """Ansible's group names -> cdconf's: a-z, 0-9, _ and -, at most 63."""
    wanted = {name: re.sub(r"[^a-z0-9_-]+", "_", name.lower())[:60].strip("_-") or "group" for name in names}
    return _unique(wanted, {"all"}, "_")


def variable_names(names: Iterable[str]) -> dict[str, str]:
    """Ansible's variables -> cdconf's, which are identifiers and none of the names that templates have already."""
    wanted = {name: re.sub(r"\W", "_", name) for name in names}
    wanted = {name: word if word.isidentifier() else f"_{word}" for name, word in wanted.items()}
    return _unique(wanted, set(RESERVED), "_")


def _label(name: str) -> str:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _dashed(name.partition(".")[0])
    return _dashed(name)


def _dashed(name: str) -> str:
    word = re.sub(r"[^a-z0-9-]+", "-", name.lower())[:60].strip("-")
    return "host" if not word or invalid_name(word) else word


def _unique(wanted: dict[str, str], taken: set[str], joint: str) -> dict[str, str]:
    """The names wanted; those that are right as they are keep them, others get a number where need be."""
    used: Callable[[str], bool] = (taken | {name for name, word in wanted.items() if name == word}).__contains__
    result: dict[str, str] = {}
    given: set[str] = set()
    for name, word in wanted.items():
        choice, number = word, 2
        while (used(choice) and choice != name) or choice in taken or choice in given:
            choice, number = f"{word}{joint}{number}", number + 1
        result[name] = choice
        given.add(choice)
    return result
