"""The local store: archives by SHA-256, unpacked trees by tree digest, one JSON file of metadata per artifact.

.cdconf/artifacts/ARCHIVE.json      metadata; written last, so that what has one is whole
.cdconf/artifacts/ARCHIVE.blob      the archive
.cdconf/artifacts/trees/TREE/       its unpacked tree, which deployments read
"""

from __future__ import annotations

import builtins
import dataclasses
import json
import os
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
        self._folder = project.data / "artifacts"

    def add(self, app: str, version: str, file: Path, **about: Any) -> Artifact:
        """Takes an archive in; the same archive twice is one artifact.

        Args:
            app: The app's name.
            version: Its version.
            file: The archive.
            about: commit, commit_time, built_at, duration_s, builder, dirty.

        Raises:
            ArtifactError: It can't be unpacked safely; the version exists with other content.
        """
        if not version or "/" in version or version.startswith((".", "-")) or len(version) > 100:
            raise ArtifactError(f"'{version}' can't be a version")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive = tree.sha256_file(str(file))
        for known in self.list(app):
            if known.archive == archive:
                return known
            if known.version == version:
                raise ArtifactError(
                    f"{known.label} exists already with other content ({known.archive[:12]}, not {archive[:12]})",
                    hint="a version is built once; commit something, or give the new build a new version",
                )
        digest = self._keep_tree(file)
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

    def _keep_tree(self, file: Path) -> str:
        trees = self._folder / "trees"
        trees.mkdir(mode=0o700, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=trees))
        try:
            unpack(file, fresh)
            digest: str = tree.digest(tree.scan(str(fresh)))
            if not (trees / digest).is_dir():
                fresh.rename(trees / digest)
            return digest
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def list(self, app: str | None = None) -> list[Artifact]:
        """All artifacts, or an app's, the newest first."""
        found = []
        for path in self._folder.glob("*.json"):
            artifact = Artifact(**json.loads(path.read_text(encoding="utf-8")))
            if app is None or artifact.app == app:
                found.append(artifact)
        return sorted(found, key=lambda one: one.built_at, reverse=True)

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
        """The tree's entries, see `cdconf.agent.tree`.

        Raises:
            ArtifactError: The store was tampered with.
        """
        folder = self.tree(artifact)
        entries: builtins.list[dict[str, Any]] = tree.scan(str(folder)) if folder.is_dir() else []
        if tree.digest(entries) != artifact.tree:
            shutil.rmtree(folder, ignore_errors=True)
            self.verify(artifact)
            if self._keep_tree(self._blob(artifact.archive)) != artifact.tree:
                raise ArtifactError(f"the tree of {artifact.label} isn't what its digest says")
            entries = tree.scan(str(folder))
        return entries

    def tree(self, artifact: Artifact) -> Path:
        """Where its unpacked tree is."""
        return self._folder / "trees" / artifact.tree

    def verify(self, artifact: Artifact) -> None:
        """Raises `ArtifactError` unless the stored archive is what its digest says."""
        blob = self._blob(artifact.archive)
        if not blob.is_file():
            raise ArtifactError(f"the archive of {artifact.label} is missing from the store")
        if tree.sha256_file(str(blob)) != artifact.archive:
            raise ArtifactError(f"the archive of {artifact.label} isn't what its digest says: {artifact.archive}")


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
