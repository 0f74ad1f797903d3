"""The local store: archives by SHA-256, unpacked trees by tree digest, one JSON file of metadata per artifact.

.cdconf/artifacts/ARCHIVE.json      metadata; written last, so that what has one is whole
.cdconf/artifacts/ARCHIVE.blob      the archive
.cdconf/artifacts/trees/TREE/       its unpacked tree, which deployments read
"""

from __future__ import annotations

import builtins
import dataclasses
import fcntl
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.agent import tree
from cdconf.artifacts.unpack import unpack
from cdconf.errors import ArtifactError
from cdconf.secrets.store import write_private

if TYPE_CHECKING:
    from cdconf.inventory import Project

_SHORTEST = 8
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~-]{0,99}")


@dataclass(frozen=True)
class Artifact:
    """An artifact. `archive` and `tree` are SHA-256 digests in hex; times are seconds since 1970."""

    app: str
    version: str
    archive: str
    tree: str
    file_name: str
    size: int
    commit: str | None
    commit_time: float | None
    built_at: float
    duration_s: float
    builder: str
    dirty: bool

    @property
    def release(self) -> str:
        """What its releases are called on hosts: `1.4-3f2a9c0b1d5e`."""
        return f"{self.version}-{self.tree[:12]}"

    @property
    def label(self) -> str:
        """How people name it: `shop@1.4`."""
        return f"{self.app}@{self.version}"


class Store:
    """The artifacts of one checkout."""

    def __init__(self, project: Project) -> None:
        self._root = project.root
        self._folder = project.data / "artifacts"

    def add(self, app: str, version: str, file: Path, **about: Any) -> Artifact:
        """Takes an archive in; the same archive twice is one artifact, whose stored archive is mended if need be.

        Args:
            app: The app's name.
            version: Its version.
            file: The archive.
            about: commit, commit_time, built_at, duration_s, builder, dirty.

        Raises:
            ArtifactError: It can't be unpacked safely; the version exists with other content.
        """
        if not _VERSION.fullmatch(version):
            hint = "letters, digits and . _ + ~ - make a version, 100 at most, beginning with a letter or a digit"
            raise ArtifactError(f"{version!r} can't be a version", hint=hint)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive = tree.sha256_file(str(file))
        for known in self.list(app):
            if known.archive == archive:
                if not self._is_whole(known):
                    _copy_atomic(file, self._blob(archive))
                return known
            if known.version == version:
                raise ArtifactError(
                    f"{known.label} exists already with other content ({known.archive[:12]}, not {archive[:12]})",
                    hint="a version is built once; commit something, or give the new build a new version",
                )
        digest = self._keep_tree(file, file.name)
        _copy_atomic(file, self._blob(archive))
        artifact = Artifact(
            app=app,
            version=version,
            archive=archive,
            tree=digest,
            file_name=file.name,
            size=file.stat().st_size,
            **about,
        )
        write_private(self._folder / f"{archive}.json", json.dumps(dataclasses.asdict(artifact), indent=1) + "\n")
        return artifact

    def _blob(self, archive: str) -> Path:
        return self._folder / f"{archive}.blob"

    def _keep_tree(self, file: Path, name: str, wanted: str | None = None) -> str:
        """Unpacks an archive beside the trees, and puts it in its place unless it's there whole already.

        Args:
            file: The archive.
            name: Its own file name.
            wanted: The digest that its tree must have; nothing is replaced when it has another.
        """
        trees = self._folder / "trees"
        trees.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=trees, ignore_cleanup_errors=True) as folder:
            fresh = Path(folder) / "fresh"
            fresh.mkdir()
            unpack(file, fresh, name)
            digest: str = tree.digest(tree.scan(str(fresh)))
            if wanted in (None, digest):
                self._put(fresh, trees / digest, Path(folder) / "old")
        return digest

    def _put(self, fresh: Path, place: Path, old: Path) -> None:
        """Moves a tree to its place; a damaged one there goes to `old`. Two runs may do so at once."""
        with (self._folder / "trees.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if tree.digest(_scan(place)) == place.name:
                return
            if place.exists() or place.is_symlink():
                place.rename(old)
            fresh.rename(place)

    def list(self, app: str | None = None) -> list[Artifact]:
        """All artifacts, or an app's, the newest first."""
        found = []
        for path in self._folder.glob("*.json"):
            artifact = self._read(path)
            if app is None or artifact.app == app:
                found.append(artifact)
        return sorted(found, key=lambda one: one.built_at, reverse=True)

    def _read(self, path: Path) -> Artifact:
        try:
            artifact = Artifact(**json.loads(path.read_text(encoding="utf-8")))
            for name in ("app", "version", "archive", "tree", "file_name"):
                if not isinstance(getattr(artifact, name), str):
                    raise TypeError(f"its {name} isn't text")
            if artifact.archive != path.stem:
                raise ValueError(f"it speaks of the archive {artifact.archive}")
            return artifact
        except (OSError, ValueError, TypeError) as error:
            raise ArtifactError(
                f"the artifact's metadata can't be read: {error}",
                file=os.path.relpath(path, self._root),
                hint="move it away; the build can be made again, or taken in with `cdconf artifact add`",
            ) from error

    def with_archive(self, archive: str) -> Artifact | None:
        """The artifact with this SHA-256 of its archive, None when there's none."""
        return next((one for one in self.list() if one.archive == archive), None)

    def with_release(self, app: str, release: str) -> Artifact | None:
        """The app's artifact whose releases have this name, None when there's none."""
        return next((one for one in self.list(app) if one.release == release), None)

    def find(self, reference: str, app: str | None = None) -> Artifact:
        """The artifact that `app@version`, or a digest prefix of 8 or more, names.

        Raises:
            ArtifactError: None or several do.
        """
        found = [one for one in self.list(app) if reference == one.label or _is_digest_of(reference, one)]
        if not found:
            known = ", ".join(one.label for one in self.list(app)[:5]) or "none yet"
            raise ArtifactError(f"there is no artifact '{reference}'", hint=f"the newest: {known}")
        if len({one.archive for one in found}) > 1:
            raise ArtifactError(f"'{reference}' names several artifacts", hint="give more digits")
        return found[0]

    def nearest(self, app: str, commits: builtins.list[str]) -> Artifact | None:
        """The build of the first of the commits that has one (dirty builds don't count)."""
        builds = {one.commit: one for one in reversed(self.list(app)) if one.commit and not one.dirty}
        return next((builds[commit] for commit in commits if commit in builds), None)

    def manifest(self, artifact: Artifact) -> builtins.list[dict[str, Any]]:
        """The tree's entries, see `cdconf.agent.tree`; a damaged tree is unpacked again from its archive.

        Raises:
            ArtifactError: The archive is missing or isn't what its digest says.
        """
        self.verify(artifact)
        entries = _scan(self.tree(artifact))
        if tree.digest(entries) != artifact.tree:
            self._keep_tree(self._blob(artifact.archive), artifact.file_name, artifact.tree)
            entries = _scan(self.tree(artifact))
        if tree.digest(entries) != artifact.tree:
            raise ArtifactError(f"the tree of {artifact.label} isn't what its digest says: {artifact.tree}")
        return entries

    def tree(self, artifact: Artifact) -> Path:
        """Where its unpacked tree is."""
        return self._folder / "trees" / artifact.tree

    def verify(self, artifact: Artifact) -> None:
        """Raises `ArtifactError` unless the stored archive is what its digest says."""
        hint = f"`cdconf artifact add {artifact.app} FILE --version {artifact.version}` puts it back from a good copy"
        if not self._blob(artifact.archive).is_file():
            raise ArtifactError(f"the archive of {artifact.label} is missing from the store", hint=hint)
        if not self._is_whole(artifact):
            message = f"the archive of {artifact.label} isn't what its digest says: {artifact.archive}"
            raise ArtifactError(message, hint=hint)

    def _is_whole(self, artifact: Artifact) -> bool:
        blob = self._blob(artifact.archive)
        return blob.is_file() and tree.sha256_file(str(blob)) == artifact.archive


def _scan(folder: Path) -> list[dict[str, Any]]:
    """A tree's entries; none when it isn't there or holds what no tree may hold."""
    try:
        return list(tree.scan(str(folder))) if folder.is_dir() and not folder.is_symlink() else []
    except (OSError, ValueError):
        return []


def _is_digest_of(reference: str, artifact: Artifact) -> bool:
    word = reference.lower()
    return len(word) >= _SHORTEST and (artifact.archive.startswith(word) or artifact.tree.startswith(word))


def _copy_atomic(source: Path, target: Path) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".blob-")
    try:
        with os.fdopen(descriptor, "wb") as stream, source.open("rb") as data:
            shutil.copyfileobj(data, stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
