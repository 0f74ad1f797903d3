"""Where a store's files lie: a directory, or a bucket (see `remote`). Both keep the same promises.

What can be read under a name is whole: content appears at once, by a rename or at the end of an upload. Of two
writers that create one name, one succeeds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cdconf.inventory import Project

TEMPORARY = ".part-"


@dataclass(frozen=True)
class Entry:
    """A file of the store; `modified` is in seconds since 1970."""

    name: str
    size: int
    modified: float


class Place(Protocol):
    """Where files lie. Names have no `/`. Whatever fails is an `ArtifactError`."""

    def shown(self, name: str) -> str:
        """A file's place, for people."""

    def entries(self) -> list[Entry]:
        """All whole files, sorted by name."""

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """Small files' contents; those that aren't there are left out."""

    def create(self, name: str, data: bytes) -> bool:
        """Makes a small file; False, and nothing is changed, when there is one."""

    def replace(self, name: str, data: bytes) -> None:
        """Makes a small file, or replaces it."""

    def put(self, name: str, file: Path) -> None:
        """Takes a file of any size in, or replaces it."""

    def fetch(self, name: str, digest: str) -> Path | None:
        """A local file with the content, which the caller still has to verify; None when there's none.

        `digest` is the SHA-256 that it should have: a copy from an earlier call is used again if it does.
        """

    def delete(self, name: str) -> None:
        """Removes a file; that it's gone already is fine."""


def place_of(project: Project) -> Place:
    """The project's store: `store` in cdconf.yml, else .cdconf/artifacts."""
    if project.store is None:
        return Folder(project.data / "artifacts", project.root)
    if project.store.startswith("s3://"):
        from cdconf.artifacts.remote import Remote

        return Remote(project.store, project.data / "artifacts" / "fetched")
    return Folder(project.root / Path(project.store).expanduser(), project.root)


class Folder:
    """A directory. It's made 0700; in one that others may read, they may read its files too.

    Args:
        folder: The directory.
        root: The project's, for messages.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._root = root

    def shown(self, name: str) -> str:
        path = self._folder / name
        return os.path.relpath(path, self._root) if path.is_relative_to(self._root) else str(path)

    def entries(self) -> list[Entry]:
        found = []
        with self._explained("list"), contextlib.suppress(FileNotFoundError):
            for one in sorted(os.scandir(self._folder), key=lambda one: one.name):
                with contextlib.suppress(FileNotFoundError):  # another run's temporary file that's gone already
                    if one.is_file() and not one.name.startswith("."):
                        status = one.stat()
                        found.append(Entry(one.name, status.st_size, status.st_mtime))
        return found

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        found = {}
        for name in names:
            with self._explained(f"read {name} in"), contextlib.suppress(FileNotFoundError):
                found[name] = (self._folder / name).read_bytes()
        return found

    def create(self, name: str, data: bytes) -> bool:
        with self._explained("write to"), self._written(data) as temporary:
            try:
                # A link, unlike a rename, fails when the name is taken.
                os.link(temporary, self._folder / name)
            except FileExistsError:
                return False
            self._sync()
            return True

    def replace(self, name: str, data: bytes) -> None:
        with self._explained("write to"), self._written(data) as temporary:
            temporary.replace(self._folder / name)
            self._sync()

    def put(self, name: str, file: Path) -> None:
        with self._explained("write to"), file.open("rb") as source, self._written(source) as temporary:
            temporary.replace(self._folder / name)
            self._sync()

    def fetch(self, name: str, digest: str) -> Path | None:
        path = self._folder / name
        return path if path.is_file() else None

    def delete(self, name: str) -> None:
        with self._explained("remove from"):
            (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def _written(self, data: bytes | IO[bytes]) -> Iterator[Path]:
        """A temporary file in the directory, with the data safely on disk."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=TEMPORARY)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(descriptor, 0o600 | stat.S_IMODE(self._folder.stat().st_mode) & 0o044)
                if isinstance(data, bytes):
                    stream.write(data)
                else:
                    shutil.copyfileobj(data, stream, 1024 * 1024)
                stream.flush()
                os.fsync(descriptor)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArtifactError(f"can't {what} the artifact store {self._folder}: {error.strerror or error}") from error
