"""Where an environment's files lie: inventories/ENV, or .cdconf/throwaway/ENV for one that's there for a while only."""

from __future__ import annotations

from pathlib import Path

from cdconf.errors import InvalidFile
from cdconf.yamlfile import is_there

FILED = "inventories"
THROWN_AWAY = ".cdconf/throwaway"
HOSTS_FILE = "hosts.yml"
_ALMOST = ("hosts.yaml", "host.yml", "hosts", "hosts.ini", "inventory.yml")


def environments_in(root: Path) -> tuple[str, ...]:
    """Names of the environments that have a file in inventories/, sorted: those that everybody has."""
    return tuple(name for name in _in(root / FILED) if is_there(root / FILED / name / HOSTS_FILE))


def misnamed_in(root: Path, name: str) -> str | None:
    """A hint for an environment that's there, and whose file is called otherwise; None where there's none such."""
    folder = root / FILED / name
    for other in _ALMOST:
        if (folder / other).is_file():
            return f"rename {FILED}/{name}/{other} to {HOSTS_FILE}"
    elsewhere = next((one for one in ("inventory", "environments") if (root / one / name / HOSTS_FILE).is_file()), None)
    return f"rename {elsewhere}/ to {FILED}/" if elsewhere else None


def throwaways_in(root: Path) -> tuple[str, ...]:
    """Names of this checkout's throw-away environments, sorted; also of those whose files are damaged."""
    return _in(root / THROWN_AWAY)


def _in(folder: Path) -> tuple[str, ...]:
    """Names of the directories in a folder, those that begin with a dot aside."""
    if not is_there(folder):
        return ()
    try:
        return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."))
    except OSError as error:
        raise InvalidFile(f"can't be read: {error.strerror}", file=folder.name, line=1) from error


def is_throwaway(root: Path, name: str) -> bool:
    """Whether there's a throw-away environment of this name."""
    return name in throwaways_in(root)


def folder_in(root: Path, name: str) -> str:
    """The directory of an environment's files, relative to the project's root; a file in inventories/ comes first."""
    thrown_away = is_throwaway(root, name) and not (root / FILED / name / HOSTS_FILE).is_file()
    return f"{THROWN_AWAY}/{name}" if thrown_away else f"{FILED}/{name}"
