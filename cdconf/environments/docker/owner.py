"""Whose containers they are: a copied directory has the id of its original, and must not have its hosts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cdconf.environments.docker.listing import DockerContainer
from cdconf.errors import ProviderError
from cdconf.own_files import read_bytes


def refuse_copied(found: Iterable[DockerContainer], root: Path) -> None:
    """Refuses hosts that belong to another directory, which is still there. One that was moved takes them along.

    Args:
        found: Containers that have this checkout's id.
        root: This checkout's directory.

    Raises:
        ProviderError: They were made from another directory, of which this one is a copy.
    """
    mine = root / ".cdconf/checkout"
    for container in found:
        other = Path(container.labels.get("cdconf.root") or root)
        theirs = other / ".cdconf/checkout"
        if other != root and _same_text(theirs, mine) and not theirs.samefile(mine):
            raise ProviderError(
                f"{container.labels['cdconf.host']} belongs to {other}, of which this directory is a copy",
                hint=f"to have hosts of its own, this one needs an id of its own: rm -r {root / '.cdconf'}",
            )


def _same_text(path: Path, other: Path) -> bool:
    try:
        return read_bytes(path) == read_bytes(other)
    except OSError:
        return False
