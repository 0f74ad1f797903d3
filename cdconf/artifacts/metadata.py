"""The metadata of a store's artifacts: what can be read, and what can't."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.artifact import Artifact, NewerFormat, from_text
from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.store_files import StoreFile

_NAME = re.compile(r"(?P<archive>[0-9a-f]{64})\.json|(?P<app>[^@]+)@(?P<version>.+)\.json")


@dataclass(frozen=True)
class Metadata:
    """A metadata object of the store: its name, the artifact, and the provenance's envelope.

    `created` is when the store took it in, by its own clock, in seconds since 1970.
    """

    name: str
    artifact: Artifact
    envelope: dict[str, Any] | None
    created: float


@dataclass(frozen=True)
class UnreadableMetadata:
    """A metadata object that can't be read: garbage, or of a newer cdconf."""

    name: str
    error: ArtifactError

    def may_be(self, reference: str) -> bool:
        """Whether a word may name its artifact: `app@version`, or the first digits of its archive's digest."""
        match = _NAME.fullmatch(self.name)
        archive = match["archive"] if match else None
        return self.name == f"{reference}.json" or bool(archive and archive.startswith(reference.lower()))


def metadata(place: Backend, app: str | None = None) -> tuple[list[Metadata], list[UnreadableMetadata]]:
    """All metadata, or an app's: what can be read, what the store took in last first, and what can't.

    Older stores name it by the archive's digest: of such a one that can't be read, the app isn't known.
    """
    found, unreadable = read_all(place, [file for file in listed(place) if _may_be_of(app, file.name)])
    own = [one for one in found if app in (None, one.artifact.app)]
    return sorted(own, key=_order), unreadable


def newest(place: Backend, count: int) -> tuple[list[Metadata], list[UnreadableMetadata], int]:
    """The same of those that the store took in last, without reading the others; and how many there are in all."""
    there = listed(place)
    found, unreadable = read_all(place, sorted(there, key=lambda file: file.modified, reverse=True)[:count])
    return sorted(found, key=_order), unreadable, len(there)


def listed(place: Backend) -> list[StoreFile]:
    """The objects of a store that are metadata by their names."""
    return [entry for entry in place.entries(suffix=".json") if _may_be_of(None, entry.name)]


def _order(one: Metadata) -> tuple[float, float]:
    return (-one.created, -one.artifact.built_at)


def read_all(place: Backend, objects: Sequence[StoreFile]) -> tuple[list[Metadata], list[UnreadableMetadata]]:
    """The metadata of some objects of a store, in no order: what can be read, and what can't."""
    found: list[Metadata] = []
    unreadable: list[UnreadableMetadata] = []
    created = {file.name: file.modified for file in objects}
    for name, data in place.read(list(created)).items():
        try:
            one = _read(name, data, created[name])
        except (OSError, ValueError, TypeError, RecursionError) as error:
            hint = "move it away; the build can be made again, or taken in with `cdconf artifact add`"
            hint = "update cdconf here" if isinstance(error, NewerFormat) else hint
            text = f"the artifact's metadata can't be read: {error}"
            unreadable.append(UnreadableMetadata(name, ArtifactError(text, file=place.shown(name), hint=hint)))
            continue
        found.append(one)
    return found, unreadable


def _read(name: str, data: bytes | OSError, created: float) -> Metadata:
    if isinstance(data, OSError):
        raise data
    artifact, envelope = from_text(data)
    if name not in (f"{artifact.archive}.json", f"{artifact.label}.json"):
        raise ValueError(f"it speaks of {artifact.label}, archive {artifact.archive}")
    return Metadata(name, artifact, envelope, created)


def _may_be_of(app: str | None, name: str) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and (app is None or match["app"] in (None, app))
