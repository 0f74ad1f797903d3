"""Where an environment's files lie: inventories/ENV, or .cdconf/throwaway/ENV for one that's there for a while only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

FILED = "inventories"
THROWN_AWAY = ".cdconf/throwaway"
HOSTS_FILE = "hosts.yml"


def environments_in(root: Path) -> tuple[str, ...]:
    """Names of the environments that have a file in inventories/, sorted: those that everybody has."""
    return _named(path.parent for path in (root / FILED).glob(f"*/{HOSTS_FILE}"))


def throwaways_in(root: Path) -> tuple[str, ...]:
    """Names of this checkout's throw-away environments, sorted; also of those whose files are damaged."""
    return _named(path for path in (root / THROWN_AWAY).glob("*") if path.is_dir())


def _named(folders: Iterable[Path]) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folders if path.name[0] != "."))


def is_throwaway(root: Path, name: str) -> bool:
    """Whether there's a throw-away environment of this name."""
    return name in throwaways_in(root)


def folder_in(root: Path, name: str) -> str:
    """The directory of an environment's files, relative to the project's root; a file in inventories/ comes first."""
    thrown_away = is_throwaway(root, name) and not (root / FILED / name / HOSTS_FILE).is_file()
    return f"{THROWN_AWAY}/{name}" if thrown_away else f"{FILED}/{name}"
