"""A store whose objects have been listed once, for all that a board asks: it may have 100,000 of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdconf.pipeline.record import PREFIX, project_key
from cdconf.pipeline.store_lease import BEAT, LEASE

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.store_files import StoreFile


class ListedOnce:
    """See `Backend`. What's asked for a second time is listed anew: somebody wants to know what has changed.

    Args:
        place: The store.
        project: The project's name.
    """

    def __init__(self, place: Backend, project: str) -> None:
        self._place = place
        records = (f"{PREFIX}{project_key(project)}-", ".jsonl")
        wanted = (("", ".json"), records, (LEASE, ""), (BEAT, ""))
        self._there = dict(zip(wanted, place.each(*wanted), strict=True))

    def entries(self, prefix: str = "", suffix: str = "") -> list[StoreFile]:
        there = self._there.pop((prefix, suffix), None)
        if there is None:
            return self._place.entries(prefix, suffix)
        return sorted(there, key=lambda file: file.name)

    def shown(self, name: str) -> str:
        return self._place.shown(name)

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        return self._place.names(prefix, suffix)

    def each(self, *wanted: tuple[str, str]) -> list[list[StoreFile]]:
        return self._place.each(*wanted)

    def sharded(self) -> dict[str, list[str]]:
        return self._place.sharded()

    def read(self, names: Sequence[str]) -> dict[str, bytes | OSError]:
        return self._place.read(names)

    def create(self, name: str, data: bytes) -> bool:
        return self._place.create(name, data)

    def put(self, name: str, file: Path) -> None:
        self._place.put(name, file)

    def fetch(self, name: str, digest: str, *, fresh: bool = False) -> Path | None:
        return self._place.fetch(name, digest, fresh=fresh)

    def kept(self, name: str, digest: str) -> Path | None:
        return self._place.kept(name, digest)

    def delete(self, name: str) -> None:
        self._place.delete(name)
