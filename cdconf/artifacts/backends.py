"""Where a store's files lie: a directory, or a bucket (see `remote`). Both keep the same promises.

What can be read under a name is whole: content appears at once, by a rename or at the end of an upload. Of two
writers that create one name, one succeeds. A small file is never replaced: what is added to an artifact later is a file
of its own. Only archives and logs, whose names are their digests, are put in place again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import IO, TYPE_CHECKING, Protocol

from cdconf.agent.release.tree import sha256_file
from cdconf.artifacts.shards import FOLDER, may_be_sharded, path_of, shard_of
from cdconf.artifacts.store_files import TEMPORARY, StoreFile
from cdconf.errors import ArtifactError
from cdconf.own_files import content_and_status

if TYPE_CHECKING:
    from cdconf.inventory import Project

# Errors that say nothing of other files
_OF_ONE_FILE = frozenset(
    (errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENXIO)
)


class Backend(Protocol):
    """Where files lie. Names have no `/`. Whatever fails is an `ArtifactError`."""

    def shown(self, name: str) -> str:
        """A file's place, for people."""

    def entries(self, prefix: str = "", suffix: str = "") -> list[StoreFile]:
        """The whole files whose names begin and end so, sorted by name; all of them if nothing is given."""

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        """The names of `entries` alone, in no order: where there are 100,000, that takes a third of the time."""

    def each(self, *wanted: tuple[str, str]) -> list[list[StoreFile]]:
        """The `entries` of several prefixes and suffixes, in no order: what has them all is listed once."""

    def sharded(self) -> dict[str, list[str]]:
        """What's in the directories of `shards`, by their own names, in no order: names alone, whatever they are of."""

    def read(self, names: Sequence[str]) -> dict[str, bytes | OSError]:
        """Small files' contents; those that aren't there are left out.

        A file that can't be read, though others may be, is there with its error.
        """

    def create(self, name: str, data: bytes) -> bool:
        """Makes a small file; False, and nothing is changed, when there is one."""

    def put(self, name: str, file: Path) -> None:
        """Takes a file of any size in, or replaces it."""

    def fetch(self, name: str, digest: str, *, fresh: bool = False) -> Path | None:
        """A local file with the content; None unless that has this SHA-256.

        A copy from an earlier call is used again, unless a fresh one is wanted, which says what the place itself has.
        """

    def kept(self, name: str, digest: str) -> Path | None:
        """A whole copy of an earlier `fetch` on this machine, whatever the place itself has by now."""

    def delete(self, name: str) -> None:
        """Removes a file; that it's gone already is fine."""


def place_of(project: Project) -> Backend:
    """The project's store: `store` in cdconf.yml, else .cdconf/artifacts."""
    if project.store is None:
        return FolderBackend(project.data / "artifacts", project.home, own=True)
    if project.store.startswith("s3://"):
        from cdconf.artifacts.remote import RemoteBackend

        return RemoteBackend(project.store, project.data / "artifacts" / "fetched")
    return FolderBackend(project.home / Path(project.store).expanduser(), project.home)


class FolderBackend:
    """A directory. In one that others may read, they may read its files too.

    Args:
        folder: The directory.
        root: The project's, for messages.
        own: Whether it's the checkout's own, which is made (0700) when it isn't there. One that isn't may be a share
            that isn't mounted: a new one there, empty, would hide that.
    """

    def __init__(self, folder: Path, root: Path, *, own: bool = False) -> None:
        self._folder = folder
        self._root = root
        self._own = own

    def _refuse_missing(self) -> None:
        """Raises `ArtifactError` for a missing directory that somebody else should have made."""
        if not self._own:
            raise ArtifactError(
                f"the artifact store {self._folder} isn't there",
                hint=f"mount it if it's a share; if this is a new store, make it: mkdir -p {quote(str(self._folder))}",
            )

    def shown(self, name: str) -> str:
        path = self._at(name)
        return os.path.relpath(path, self._root) if path.is_relative_to(self._root) else str(path)

    def _at(self, name: str) -> Path:
        return self._folder / path_of(name)

    def entries(self, prefix: str = "", suffix: str = "") -> list[StoreFile]:
        found: list[StoreFile] = []
        with self._explained("list"):
            for folder in self._folders(prefix, suffix):
                found += _matching(folder, self._names(folder), prefix, suffix)
        return sorted(found, key=lambda file: file.name)

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        found: list[str] = []
        with self._explained("list"):
            for folder in self._folders(prefix, suffix):
                with self._there(folder) as listed:
                    there = {one.name: one for one in listed}
                found += [name for name in _wanted(there, prefix, suffix) if there[name].is_file()]
        return found

    def each(self, *wanted: tuple[str, str]) -> list[list[StoreFile]]:
        if any(shard_of(prefix) or may_be_sharded(prefix, suffix) for prefix, suffix in wanted):
            return [self.entries(prefix, suffix) for prefix, suffix in wanted]
        with self._explained("list"):
            names = self._names(self._folder)
            return [list(_matching(self._folder, names, prefix, suffix)) for prefix, suffix in wanted]

    def sharded(self) -> dict[str, list[str]]:
        with self._explained("list"):
            with self._there(self._folder / FOLDER) as listed:
                shards = [(one.name, one.path) for one in listed if one.is_dir()]
            found: dict[str, list[str]] = {}
            for name, path in shards:
                with contextlib.suppress(FileNotFoundError):
                    found[name] = os.listdir(path)  # noqa: PTH208  there may be 100,000
            return found

    def _folders(self, prefix: str, suffix: str) -> list[Path]:
        """The directories in which objects lie whose names begin and end so."""
        shard = shard_of(prefix)
        if shard is not None:
            return [self._folder / shard]
        shards: list[Path] = []
        if may_be_sharded(prefix, suffix):
            with self._there(self._folder / FOLDER) as listed:
                shards = [Path(one.path) for one in listed if one.is_dir()]
        return [self._folder, *shards]

    def _names(self, folder: Path) -> list[str]:
        """What's in a directory; nothing, when it isn't there and the store is."""
        try:
            return os.listdir(folder)  # noqa: PTH208  there may be 100,000
        except OSError as error:
            self._refuse(folder, error)
            return []

    @contextmanager
    def _there(self, folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        """The same, with what the directory says of each."""
        try:
            listed = os.scandir(folder)
        except OSError as error:
            self._refuse(folder, error)
            yield iter(())
            return
        with listed:
            yield listed

    def _refuse(self, folder: Path, error: OSError) -> None:
        """Raises what's to be said of a directory that can't be listed; one that isn't there is fine in a store."""
        if isinstance(error, FileNotFoundError):
            if folder == self._folder or not self._folder.is_dir():
                self._refuse_missing()
            return
        if not isinstance(error, NotADirectoryError) or folder == self._folder:
            raise error
        raise ArtifactError(
            f"can't list the artifact store {self._folder}: {folder} isn't a directory",
            hint="move it away: cdconf makes a directory in its place",
        ) from error

    def read(self, names: Sequence[str]) -> dict[str, bytes | OSError]:
        found: dict[str, bytes | OSError] = {}
        folder = f"{self._folder}/"
        for name in names:
            path = f"{folder}{path_of(name)}"
            with self._explained(f"read {name} in"):
                try:
                    found[name] = _content(path, links=shard_of(name) is None)
                except FileNotFoundError as error:
                    if os.path.islink(path):  # noqa: PTH114
                        found[name] = OSError(error.errno, "it's a link that leads nowhere")
                except OSError as error:
                    if error.errno not in _OF_ONE_FILE:
                        raise
                    found[name] = error
        return found

    def create(self, name: str, data: bytes) -> bool:
        with self._explained("write to"), self._written(data) as temporary:
            path = self._at(name)
            self._make_shard(path.parent)
            try:
                # A link, unlike a rename, fails when the name is taken.
                os.link(temporary, path)
            except FileExistsError:
                return False
            _sync(path.parent)
            return True

    def _make_shard(self, folder: Path) -> None:
        """Makes a directory below the store's with the same mode, so that whoever may write there may write here."""
        for path in (folder.parent, folder):
            if path.is_relative_to(self._folder) and not path.is_dir():
                with contextlib.suppress(FileExistsError):
                    path.mkdir()
                    path.chmod(stat.S_IMODE(self._folder.stat().st_mode))
                    _sync(path.parent)

    def put(self, name: str, file: Path) -> None:
        with self._explained("write to"), file.open("rb") as source, self._written(source) as temporary:
            temporary.replace(self._at(name))
            _sync(self._folder)

    def fetch(self, name: str, digest: str, *, fresh: bool = False) -> Path | None:
        path = self._at(name)
        with self._explained(f"read {name} in"):
            return path if path.is_file() and sha256_file(str(path)) == digest else None

    def kept(self, name: str, digest: str) -> Path | None:
        return None

    def delete(self, name: str) -> None:
        with self._explained("remove from"):
            self._at(name).unlink(missing_ok=True)

    @contextmanager
    def _written(self, data: bytes | IO[bytes]) -> Iterator[Path]:
        """A temporary file in the directory, with the data safely on disk."""
        if self._own:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not self._folder.is_dir():
            self._refuse_missing()
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

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            named = error.filename2 or error.filename  # of a rename, where it leads
            at = Path(named) if isinstance(named, str | Path) else self._folder
            where = (
                f": {at.relative_to(self._folder)}" if at != self._folder and at.is_relative_to(self._folder) else ""
            )
            text = f"can't {what} the artifact store {self._folder}{where}: {error.strerror or error}"
            raise ArtifactError(text) from error


def _content(path: str, *, links: bool) -> bytes:
    """A small file's content; a link is a `PermissionError` where `links` aren't allowed."""
    try:
        return content_and_status(path, links=links)[0]
    except OSError as error:
        if error.errno == errno.ELOOP and not links:
            said = "it's a link, and what's said of artifacts lies in the store itself"
            raise PermissionError(errno.EPERM, said) from error
        raise


def _wanted(names: Iterable[str], prefix: str, suffix: str) -> list[str]:
    # Written out where it's looped over: most of what's listed isn't wanted, and there may be very much of it.
    return [name for name in names if name.startswith(prefix) and name.endswith(suffix) and name[:1] != "."]


def _matching(folder: Path, names: Iterable[str], prefix: str, suffix: str) -> Iterator[StoreFile]:
    for name in _wanted(names, prefix, suffix):
        try:
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):
                raise
            try:
                status = os.lstat(f"{folder}/{name}")  # a link that leads nowhere, or to itself
            except FileNotFoundError:  # another run's, gone already
                continue
        if stat.S_ISREG(status.st_mode):
            yield StoreFile(name, status.st_size, status.st_mtime)
        elif suffix:  # a directory, a pipe or such a link in an object's place: whoever reads it says so
            yield StoreFile(name, 0, status.st_mtime)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
