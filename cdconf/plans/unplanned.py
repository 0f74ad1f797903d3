"""What an apply did that the plan before it didn't say.

The last plan that `cdconf plan ENV` showed is remembered in .cdconf/plans/ENV.json, 0600, for the next `provision`:

    {"version": 1, "created_at": SECONDS, "hosts": {HOST: [[TYPE, TITLE, STATUS], …]}}

Only what wasn't as it should be is in it, and no values. A file that can't be read counts as none.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdconf.atomic import write_private
from cdconf.own_files import read_json

if TYPE_CHECKING:
    from cdconf.events import HostResult

_VERSION = 1
_HOLDS = 86400.0  # seconds that the last plan is remembered
Statuses = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Surprise:
    """One thing that turned out differently; `planned` is None for what the plan didn't have, or called ok."""

    host: str
    type: str
    title: str
    planned: str | None
    actual: str

    @property
    def text(self) -> str:
        """In words, without the host."""
        what = f"{self.type} {self.title}"
        if self.planned is None:
            return f"{what} was changed, which the plan didn't foresee"
        if self.planned == "unknown":
            return f"{what} was changed; the plan couldn't know"
        if self.planned == "orphaned":
            return f"{what} was removed; the plan only said that it's orphaned"
        return f"{what} was as it should be; the plan said that it would change"


def surprises(foreseen: Mapping[str, Statuses], results: Mapping[str, HostResult]) -> list[Surprise]:
    """What turned out differently, host by host.

    Args:
        foreseen: Host -> what the plan said of everything that wasn't as it should be; other hosts aren't compared.
        results: What the run did.
    """
    return [
        Surprise(name, *key, planned, status)
        for name, result in results.items()
        if name in foreseen
        for key, status in _done(result).items()
        for planned in [foreseen[name].get(key)]
        if (status == "changed" and planned != "would_change") or (status == "ok" and planned == "would_change")
    ]


def _done(result: HostResult) -> dict[tuple[str, str], str]:
    """What became of each resource, whichever of its declarations did it."""
    found: dict[tuple[str, str], str] = {}
    for resource in result.resources:
        if found.get((resource.type, resource.title), "ok") == "ok":
            found[resource.type, resource.title] = resource.status
    return found


def remember(data: Path, environment: str, results: Mapping[str, HostResult]) -> None:
    """Keeps what a plan said. A file that can't be written is no reason to fail."""
    hosts = {
        name: [
            [resource.type, resource.title, resource.status] for resource in result.resources if resource.status != "ok"
        ]
        for name, result in results.items()
        if result.status in ("ok", "changed")
    }
    with contextlib.suppress(OSError):
        folder = data / "plans"
        folder.mkdir(mode=0o700, exist_ok=True)
        document = {"version": _VERSION, "created_at": time.time(), "hosts": hosts}
        write_private(folder / f"{environment}.json", json.dumps(document) + "\n")


def recall(data: Path, environment: str, before: float | None = None) -> tuple[float, dict[str, Statuses]] | None:
    """The age in seconds of the plan that was shown last, and what it said; None when there's none of today.

    Args:
        data: The project's `.cdconf`.
        environment: The environment's name.
        before: When the run that asks began: a plan that was shown while it was at work has seen half of it.
    """
    try:
        document = read_json(data / "plans" / f"{environment}.json")
        age = time.time() - float(document["created_at"])
        if document["version"] != _VERSION or not 0 <= age <= _HOLDS:
            return None
        if before is not None and float(document["created_at"]) > before:
            return None
        return age, {name: dict(_entries(found)) for name, found in document["hosts"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def forget(data: Path, environment: str) -> None:
    """The plan was carried out, or overtaken: it says nothing about the next run."""
    with contextlib.suppress(OSError):
        (data / "plans" / f"{environment}.json").unlink()


def _entries(found: list[list[str]]) -> Iterator[tuple[tuple[str, str], str]]:
    for kind, title, status in found:
        yield (kind, title), status
