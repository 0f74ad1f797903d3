"""Trees cut into chunks by their content, and the memory of how earlier trees were cut."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.agent import wire
from cdconf.agent.release import chunks, tree
from cdconf.atomic import write_private
from cdconf.errors import ArtifactError
from cdconf.own_files import read_bytes

if TYPE_CHECKING:
    from cdconf.inventory import Project

_SMALLEST, _AVERAGE, _LARGEST = 4 * 1024, 16 * 1024, chunks.WHOLE
_KEPT = 50  # trees


@dataclass(frozen=True)
class Cut:
    """A tree's manifest and its chunk lists, see `cdconf.agent.release.tree` and `cdconf.agent.release.chunks`."""

    manifest: Sequence[dict[str, Any]]
    lists: dict[str, bytes]


class Cuts:
    """What this checkout has pushed: a new tree is told to a host as its difference to one that the host has.

    Losing this memory costs bandwidth and nothing else.
    """

    def __init__(self, project: Project) -> None:
        self._folder = project.data / "cuts"

    def cut(self, digest: str, manifest: Sequence[dict[str, Any]], folder: Path) -> Cut:
        """Cuts a tree, and remembers how.

        Args:
            digest: The tree's.
            manifest: Its entries.
            folder: Where it lies.

        Raises:
            ArtifactError: It can't be read.
        """
        large = [entry for entry in chunks.firsts(manifest) if entry["size"] > chunks.WHOLE]
        try:
            made = Cut(manifest, {entry["sha256"]: _list(folder / entry["path"]) for entry in large})
        except OSError as error:
            raise ArtifactError(f"can't read the artifact store: {error}") from error
        with contextlib.suppress(OSError):
            self._remember(digest, made)
        return made

    def _remember(self, digest: str, made: Cut) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = wire.dumps({"manifest": list(made.manifest), "lists": made.lists}).decode()
        write_private(self._folder / f"{digest}.json", text)
        by_age = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in by_age[_KEPT:]:
            path.unlink(missing_ok=True)

    def known(self, digest: str) -> Cut | None:
        """How a tree was cut; None when it isn't remembered."""
        try:
            kept = wire.loads(read_bytes(self._folder / f"{digest}.json"))
            made = Cut(kept["manifest"], kept["lists"])
            whole = tree.digest(made.manifest) == digest and all(isinstance(one, bytes) for one in made.lists.values())
            return made if whole else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None


def _list(path: Path) -> bytes:
    """A file's chunk list: FastCDC (Xia et al., 2020), 16 KiB on average, 4 at least and 64 at most."""
    from pyfastcdc import FastCDC

    with path.open("rb") as stream:
        cutter = FastCDC(_AVERAGE, min_size=_SMALLEST, max_size=_LARGEST, normalized_chunking=2, seed=0)
        return b"".join(
            chunks.RECORD.pack(hashlib.sha256(chunk.data).digest(), chunk.length) for chunk in cutter.cut_stream(stream)
        )
