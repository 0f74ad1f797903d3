"""What hosts' facts were when they were last seen, for work without the hosts.

.cdconf/facts/ENV/HOST.json, 0600:

    {"version": 1, "read": [GROUP, …], "groups": {GROUP: {"seen": SECONDS, "facts": {FACT: VALUE}}}}

A GROUP is one of the table's, or `paths:PATTERN`. `seen` is in seconds since 1970; `read` are the groups that the
host's templates read in its last run. A file that can't be read counts as none: everything in it can be had again from
the host.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdconf.agent.records.shapes import Misfit
from cdconf.atomic import write_private
from cdconf.facts.patterns import PATHS, merge, pattern_of, patterns_of
from cdconf.facts.table import GROUPS, known_group
from cdconf.facts.told import checked
from cdconf.own_files import read_json

_VERSION = 1


@dataclass(frozen=True)
class RememberedHost:
    """What is remembered of one host.

    Attributes:
        facts: `{fact: value}`, whole groups of them; empty when the host was never seen.
        ages: Group -> seconds since it was gathered.
        read: The groups that its templates read last time.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    ages: dict[str, float] = field(default_factory=dict)
    read: tuple[str, ...] = ()

    @property
    def age(self) -> float | None:
        """The oldest group's age in seconds, None when the host was never seen."""
        return max(self.ages.values(), default=None)


def only(seen: RememberedHost, groups: Sequence[str]) -> RememberedHost:
    """The facts of some groups, of what is remembered of a host."""
    names = [name for group in GROUPS if group.name in groups for name in group.names]
    facts = {name: seen.facts[name] for name in names if name in seen.facts}
    paths = seen.facts.get(PATHS, {})
    found = {pattern: paths[pattern] for pattern in patterns_of(groups) if pattern in paths}
    merge(facts, {PATHS: found} if found else {})
    return RememberedHost(facts, {name: age for name, age in seen.ages.items() if name in groups}, seen.read)


class FactCache:
    """The facts of one environment's hosts, as last seen.

    Args:
        data: The project's `.cdconf/`.
        environment: The environment's name.
    """

    def __init__(self, data: Path, environment: str) -> None:
        self._folder = data / "facts" / environment

    def load(self, host: str) -> RememberedHost:
        """What is remembered of a host."""
        now = time.time()
        read, groups = self._document(host)
        facts: dict[str, Any] = {}
        for entry in groups.values():
            merge(facts, entry["facts"])
        return RememberedHost(facts, {name: max(0.0, now - entry["seen"]) for name, entry in groups.items()}, read)

    def wanted(self, host: str) -> tuple[str, ...]:
        """The groups to ask for together with the session, since the host's templates read them last time."""
        return self._document(host)[0]

    def store(self, host: str, facts: Mapping[str, Any], read: Iterable[str], *, keep: bool) -> None:
        """Remembers what was just gathered; groups that weren't keep their older facts.

        Args:
            host: The host.
            facts: `{fact: value}`, whole groups of them.
            read: The groups that templates read in this run.
            keep: Add `read` to what was read before: this run has seen only a part of the host's templates.

        Raises:
            OSError: It can't be written.
        """
        before, groups = self._document(host)
        now = time.time()
        for group in GROUPS:
            if group.name != PATHS and all(name in facts for name in group.names):
                groups[group.name] = {"seen": now, "facts": {name: facts[name] for name in group.names}}
        for pattern, paths in facts.get(PATHS, {}).items():
            groups[f"{PATHS}:{pattern}"] = {"seen": now, "facts": {PATHS: {pattern: paths}}}
        wanted = {*read, *(before if keep else ())}
        groups = {name: entry for name, entry in groups.items() if pattern_of(name) is None or name in wanted}
        if groups or wanted != set(before):
            self._write(host, {"version": _VERSION, "read": sorted(wanted), "groups": groups})

    def forget(self) -> None:
        """Forgets all hosts of the environment, which are gone."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _document(self, host: str) -> tuple[tuple[str, ...], dict[str, dict[str, Any]]]:
        """`read` and the groups that are whole: facts may have been added to a group since they were stored."""
        try:
            document = read_json(self._folder / f"{host}.json")
            if document["version"] != _VERSION:
                return (), {}
            found = {
                name: {"seen": float(entry["seen"]), "facts": checked(entry["facts"], [name])}
                for name, entry in document["groups"].items()
                if known_group(name) and _whole(entry, name)
            }
            return tuple(name for name in document["read"] if known_group(name)), found
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return (), {}

    def _write(self, host: str, document: dict[str, Any]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._folder / f"{host}.json", json.dumps(document), durable=False)


def _whole(entry: Any, group: str) -> bool:
    """Whether a group is remembered as the table has it."""
    try:
        return isinstance(entry, dict) and bool(checked(entry["facts"], [group]))
    except Misfit:
        return False


def age_text(seconds: float) -> str:
    """An age for people: `40 s`, `5 min`, `3 h`, `12 days`."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
