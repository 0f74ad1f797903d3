"""What pip or npm installs for an app's releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Packages:
    """Packages that a lock file of the release names. `path` and `lock` are in the release, `within` is in seconds.

    `kind` is venv or npm; `options` are those of its keys in cdconf.yml that are given.
    """

    kind: str
    path: str
    lock: str
    within: float
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def document(self) -> dict[str, Any]:
        """What an agent must know of them."""
        return {"kind": self.kind, "path": self.path, "lock": self.lock, "within": self.within, **self.options}

    def __str__(self) -> str:
        return f"{self.path} from {self.lock}"


def paths(packages: Iterable[Packages]) -> list[str]:
    """Where a release has links to its packages, sorted."""
    return sorted(package.path for package in packages)
