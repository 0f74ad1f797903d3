"""An artifact as a board lists it, by the metadata that the store has of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cdconf.artifacts.metadata import read_all
from cdconf.artifacts.store_files import StoreFile
from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.metadata import Metadata


class ListedArtifact(NamedTuple):
    """An artifact.

    Attributes:
        name: The metadata's object.
        archive: The archive's SHA-256.
        commit: The full id; None where nobody knows it.
        built_at: By the builder's clock; `created` is when the store took it in, by its own.
    """

    name: str
    app: str
    version: str
    archive: str
    commit: str | None
    built_at: float
    created: float

    @property
    def label(self) -> str:
        """`shop@1.4`."""
        return f"{self.app}@{self.version}"


def listed_of(metadata: Metadata) -> ListedArtifact:
    """What's listed of it."""
    made = metadata.artifact
    return ListedArtifact(
        metadata.name, made.app, made.version, made.archive, made.commit, made.built_at, metadata.created
    )


def newest_first(found: Sequence[ListedArtifact]) -> list[ListedArtifact]:
    """What the store took in last comes first."""
    return sorted(found, key=lambda artifact: (-artifact.created, -artifact.built_at))


def artifact_of(place: Backend, artifact: ListedArtifact) -> Artifact:
    """The artifact itself.

    Raises:
        ArtifactError: Its metadata can't be read, or has gone since it was listed.
    """
    found, unreadable = read_all(place, [StoreFile(artifact.name, 0, artifact.created)])
    if unreadable:
        raise unreadable[0].error
    if not found:
        raise ArtifactError(f"{place.shown(artifact.name)} has gone since it was listed", hint="look again")
    return found[0].artifact
