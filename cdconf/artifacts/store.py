"""The store: archives by SHA-256, one JSON file of metadata and provenance per artifact, logs by SHA-256.

APP@VERSION.json    metadata and signed provenance; created last, and only once, so that what has one is whole and a
                    version never changes. Stores of older versions name it ARCHIVE.json
ARCHIVE.blob        the archive
DIGEST.log          a build's log

They lie in .cdconf/artifacts, or where `store` in cdconf.yml says: see `places`. On this machine only:

.cdconf/artifacts/trees/TREE/       an unpacked tree, which deployments read
.cdconf/artifacts/fetched/          what was fetched from a remote store
"""

from __future__ import annotations

import builtins
import fcntl
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.agent import tree
from cdconf.artifacts import dsse, keys, provenance
from cdconf.artifacts.artifact import Artifact, check_version, from_text, to_text
from cdconf.artifacts.places import Entry, Place, place_of
from cdconf.artifacts.unpack import LIMITS, Limits, unpack
from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cdconf.inventory import Project

_METADATA = re.compile(r"(?P<archive>[0-9a-f]{64})\.json|(?P<app>[^@]+)@(?P<version>.+)\.json")


class Store:
    """The artifacts of a project.

    Args:
        project: The project.
        place: Where they lie; the project's own store if not given.
    """

    def __init__(self, project: Project, place: Place | None = None) -> None:
        self._project = project
        self._place = place or place_of(project)
        self._folder = project.data / "artifacts"

    def add(
        self, app: str, version: str, file: Path, *, command: str | None = None, log: Path | None = None, **about: Any
    ) -> Artifact:
        """Takes an archive in; once more, it's the same artifact, whose stored archive is mended if need be.

        Builds of several commits that made the same bytes are artifacts of their own.

        Args:
            app: The app's name.
            version: Its version.
            file: The archive.
            command: The build's command line; None when it was built elsewhere.
            log: The build's log.
            about: commit, commit_time, built_at, duration_s, builder, dirty.

        Raises:
            ArtifactError: It can't be unpacked safely; the version exists with other content.
        """
        check_version(version)
        archive = tree.sha256_file(str(file))
        known = self._known(app, version, archive, built=command is not None)
        if known is not None:
            if self._whole(known) is None:
                self._place.put(_blob(archive), file)
            return known
        digest = self._keep_tree(app, file, file.name)
        artifact = Artifact(app, version, archive, digest, file.name, file.stat().st_size, **about)
        self._place.put(_blob(archive), file)
        noted = self._keep_log(log) if log is not None else None
        text = to_text(artifact, provenance.envelope(self._project, artifact, command, noted))
        if self._place.create(f"{artifact.label}.json", text.encode("utf-8")):
            return artifact
        # Another writer was faster.
        return self._known(app, version, archive, built=True) or self.find(artifact.label)

    def _known(self, app: str, version: str, archive: str, *, built: bool) -> Artifact | None:
        """The artifact that this is already; a version that has other content is refused."""
        everything = self.list(app)
        same = [known for known in everything if known.archive == archive]
        for known in same:
            if known.version == version or not built:
                return known
        for known in everything:
            if known.version == version:
                raise ArtifactError(
                    f"{known.label} exists already with other content ({known.archive[:12]}, not {archive[:12]})",
                    hint="a version is built once; commit something, or give the new build a new version",
                )
        return None

    def _keep_log(self, log: Path) -> str:
        digest: str = tree.sha256_file(str(log))
        self._place.put(f"{digest}.log", log)
        return digest

    def _keep_tree(self, app: str, file: Path, name: str, wanted: str | None = None) -> str:
        """Unpacks an archive beside the trees, and puts it in its place unless it's there whole already.

        Args:
            app: Whose it is, and who says how large it may be.
            file: The archive.
            name: Its own file name.
            wanted: The digest that its tree must have; nothing is replaced when it has another.
        """
        limits = Limits(total=self._project.apps[app].max_size) if app in self._project.apps else LIMITS
        trees = self._folder / "trees"
        trees.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=trees, ignore_cleanup_errors=True) as folder:
            fresh = Path(folder) / "fresh"
            fresh.mkdir()
            unpack(file, fresh, name, limits)
            digest: str = tree.digest(tree.scan(str(fresh)))
            if wanted in (None, digest):
                self._put_tree(fresh, trees / digest, Path(folder) / "old")
        return digest

    def _put_tree(self, fresh: Path, place: Path, old: Path) -> None:
        """Moves a tree to its place; a damaged one there goes to `old`. Two runs may do so at once."""
        with (self._folder / "trees.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if tree.digest(_scan(place)) == place.name:
                return
            if place.exists() or place.is_symlink():
                place.rename(old)
            fresh.rename(place)

    def list(self, app: str | None = None) -> builtins.list[Artifact]:
        """All artifacts, or an app's, the newest first."""
        return [artifact for _, artifact, _ in self._documents(app)]

    def _documents(self, app: str | None = None) -> builtins.list[tuple[str, Artifact, dict[str, Any] | None]]:
        """File name, artifact and envelope of each, the newest first."""
        names = [one.name for one in self._place.entries() if _may_be_of(app, one.name)]
        found = [(name, *self._read(name, text)) for name, text in self._place.read(names).items()]
        return sorted((one for one in found if app in (None, one[1].app)), key=lambda one: -one[1].built_at)

    def _read(self, name: str, text: bytes) -> tuple[Artifact, dict[str, Any] | None]:
        try:
            artifact, envelope = from_text(text)
            if name not in (f"{artifact.archive}.json", f"{artifact.label}.json"):
                raise ValueError(f"it speaks of {artifact.label}, archive {artifact.archive}")
            return artifact, envelope
        except (ValueError, TypeError) as error:
            raise ArtifactError(
                f"the artifact's metadata can't be read: {error}",
                file=self._place.shown(name),
                hint="move it away; the build can be made again, or taken in with `cdconf artifact add`",
            ) from error

    def entries(self) -> builtins.list[Entry]:
        """All files of the store, also those that belong to no artifact."""
        return self._place.entries()

    def remove(self, artifact: Artifact) -> None:
        """Forgets an artifact: its metadata first, so that what's left of it can't be found."""
        for name, one, _ in self._documents(artifact.app):
            if one == artifact:
                self._place.delete(name)

    def discard(self, name: str) -> None:
        """Removes an archive or a log that no metadata names any more."""
        self._place.delete(name)

    def needed(self) -> set[str]:
        """The names of the archives, logs and trees that the metadata names."""
        names: set[str] = set()
        for _, artifact, envelope in self._documents():
            names |= {_blob(artifact.archive), artifact.tree, f"{provenance.log_of(envelope)}.log"}
        return names

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
        known = self.list(app)
        found = [one for one in known if one.answers_to(reference)]
        if not found:
            newest = ", ".join(one.label for one in known[:5]) or "none yet"
            raise ArtifactError(f"there is no artifact '{reference}'", hint=f"the newest: {newest}")
        if len({one.archive for one in found}) > 1:
            raise ArtifactError(f"'{reference}' names several artifacts", hint="give more digits")
        return found[0]

    def nearest(self, app: str, commits: builtins.list[str]) -> Artifact | None:
        """The build of the first of the commits that has one (dirty builds don't count)."""
        builds = {one.commit: one for one in reversed(self.list(app)) if one.commit and not one.dirty}
        return next((builds[commit] for commit in commits if commit in builds), None)

    def provenance(self, artifact: Artifact) -> dict[str, Any] | None:
        """The artifact's envelope, whoever signed it; None when an older version took it in."""
        return next((envelope for _, one, envelope in self._documents(artifact.app) if one == artifact), None)

    def log(self, artifact: Artifact) -> str | None:
        """The log of its build, None when there's none."""
        digest = provenance.log_of(self.provenance(artifact))
        path = self._place.fetch(f"{digest}.log", digest) if digest else None
        if path is None or tree.sha256_file(str(path)) != digest:
            return None
        return path.read_text(encoding="utf-8", errors="replace")

    def sign(self, artifact: Artifact) -> str:
        """Adds the operator's signature, after making sure that the archive and the tree are what they should be.

        Returns:
            The id of the key.

        Raises:
            ArtifactError: There's no key; the artifact is damaged.
        """
        key = keys.own(self._project)
        if key is None:
            raise ArtifactError(f"there is no key for {self._project.name}", hint="make one with `cdconf key new`")
        self.manifest(artifact)
        keyid = keys.public_of(key).id
        for name, one, envelope in self._documents(artifact.app):
            if one == artifact:
                fresh = provenance.envelope(self._project, artifact)
                if envelope is not None:
                    provenance.compare(self._project, artifact, provenance.read(envelope))
                    fresh = dsse.signed(envelope, key, keyid)
                self._place.replace(name, to_text(artifact, fresh).encode("utf-8"))
        return keyid

    def manifest(self, artifact: Artifact) -> builtins.list[dict[str, Any]]:
        """The tree's entries, see `cdconf.agent.tree`; a damaged tree is unpacked again from its archive.

        Raises:
            ArtifactError: The archive is missing or isn't what its digest says.
        """
        blob = self.verify(artifact)
        entries = _scan(self.tree(artifact))
        if tree.digest(entries) != artifact.tree:
            self._keep_tree(artifact.app, blob, artifact.file_name, artifact.tree)
            entries = _scan(self.tree(artifact))
        if tree.digest(entries) != artifact.tree:
            raise ArtifactError(f"the tree of {artifact.label} isn't what its digest says: {artifact.tree}")
        return entries

    def tree(self, artifact: Artifact) -> Path:
        """Where its unpacked tree is."""
        return self._folder / "trees" / artifact.tree

    def verify(self, artifact: Artifact) -> Path:
        """The archive as a local file; raises `ArtifactError` unless it's what its digest says."""
        blob = self._whole(artifact)
        if blob is not None:
            return blob
        hint = f"`cdconf artifact add {artifact.app} FILE --version {artifact.version}` puts it back from a good copy"
        name = _blob(artifact.archive)
        if all(one.name != name for one in self._place.entries()):
            raise ArtifactError(f"the archive of {artifact.label} is missing from the store", hint=hint)
        message = f"the archive of {artifact.label} isn't what its digest says: {artifact.archive}"
        raise ArtifactError(message, hint=hint)

    def _whole(self, artifact: Artifact) -> Path | None:
        path = self._place.fetch(_blob(artifact.archive), artifact.archive)
        return path if path is not None and tree.sha256_file(str(path)) == artifact.archive else None


def _blob(archive: str) -> str:
    return f"{archive}.blob"


def _may_be_of(app: str | None, name: str) -> bool:
    match = _METADATA.fullmatch(name)
    return match is not None and (app is None or match["app"] in (None, app))


def _scan(folder: Path) -> list[dict[str, Any]]:
    """A tree's entries; none when it isn't there or holds what no tree may hold."""
    try:
        return list(tree.scan(str(folder))) if folder.is_dir() and not folder.is_symlink() else []
    except (OSError, ValueError):
        return []


__all__ = ["Artifact", "Store"]
