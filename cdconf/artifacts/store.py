"""The store: archives by SHA-256, one JSON file of metadata and provenance per artifact, logs by SHA-256.

APP@VERSION.json    metadata and signed provenance; created last, and only once, so that what has one is whole and a
                    version never changes. Stores of older versions name it ARCHIVE.json
ARCHIVE.blob        the archive
DIGEST.log          a build's log
KIND-ARCHIVE-….dsse what is said of an artifact later, signatures for one: see `attestations`. What there may be very
                    much of lies in attested/: see `shards`

They lie in .cdconf/artifacts, or where `store` in cdconf.yml says: see `places`. On this machine only:

.cdconf/artifacts/trees/TREE/       an unpacked tree, which deployments read
.cdconf/artifacts/fetched/          what was fetched from a remote store
"""

from __future__ import annotations

import builtins
import tempfile
import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from cdconf.agent.release import tree
from cdconf.artifacts import dsse, keys, lock_files, provenance, signatures, store_clock
from cdconf.artifacts.artifact import Artifact, check_version, to_text
from cdconf.artifacts.attestations import SIGNATURE, attest
from cdconf.artifacts.backends import Backend, place_of
from cdconf.artifacts.holders import LONGEST_REMOVAL, Uses, free, removing, uses
from cdconf.artifacts.metadata import Metadata, UnreadableMetadata, metadata
from cdconf.artifacts.store_files import StoreFile
from cdconf.artifacts.unpack import LIMITS, Limits, unpack
from cdconf.errors import ArtifactError, did_you_mean
from cdconf.events import Emit, Notice
from cdconf.file_lock import held
from cdconf.own_files import reason

if TYPE_CHECKING:
    from cdconf.inventory import Project


_NONE = "none was built yet: `cdconf build APP`"


class ArtifactStore:
    """The artifacts of a project.

    Args:
        project: The project.
        place: Where they lie; the project's own store if not given.
        emit: Gets a warning for each object that can't be read and is skipped.

    Attributes:
        place: Where they lie.
    """

    def __init__(self, project: Project, place: Backend | None = None, emit: Emit = lambda event: None) -> None:
        self._project = project
        self._emit = emit
        self._told: set[str] = set()
        self.place = place or place_of(project)
        self._folder = project.data / "artifacts"

    def add(
        self,
        app: str,
        version: str,
        file: Path,
        *,
        command: str | None = None,
        log: Path | None = None,
        isolated: bool = False,
        **about: Any,
    ) -> Artifact:
        """Takes an archive in; once more, it's the same artifact, whose stored archive is mended if need be.

        The same bytes under another version are an artifact of its own.

        Args:
            app: The app's name.
            version: Its version.
            file: The archive.
            command: The build's command line; None when it was built elsewhere.
            log: The build's log.
            isolated: Whether the build couldn't reach any key.
            about: commit, commit_time, built_at, duration_s, builder, dirty.

        Raises:
            ArtifactError: It can't be unpacked safely; hosts couldn't install its packages; the version exists with
                other content.
        """
        check_version(version)
        archive = tree.sha256_file(str(file))
        known = self._known(app, version, archive)
        if known is not None:
            if self.place.fetch(_blob(archive), archive, fresh=True) is None:
                self.place.put(_blob(archive), file)
                self._emit(Notice(f"the archive of {known.label} was incomplete in the store, and is restored"))
            return known
        digest = self._keep_tree(app, file, file.name)
        artifact = Artifact(app, version, archive, digest, file.name, file.stat().st_size, **about)
        self.place.put(_blob(archive), file)
        noted = self._keep_log(log) if log is not None else None
        text = to_text(artifact, provenance.envelope(self._project, artifact, command, noted, isolated=isolated))
        name, before = f"{artifact.label}.json", time.time()
        if self.place.create(name, text.encode("utf-8")):
            store_clock.compare(self.place, name, before, self._emit)
            return artifact
        # Another writer was faster.
        return self._known(app, version, archive) or self.find(artifact.label)

    def _known(self, app: str, version: str, archive: str) -> Artifact | None:
        """The artifact that this is already; a version that has other content is refused."""
        for known in self.list(app):
            if known.version != version:
                continue
            if known.archive == archive:
                return known
            raise ArtifactError(
                f"{known.label} exists already with other content ({known.archive[:12]}, not {archive[:12]})",
                hint="a version is built once; commit something, or give the new build a new version",
            )
        return None

    def _keep_log(self, log: Path) -> str:
        digest: str = tree.sha256_file(str(log))
        self.place.put(f"{digest}.log", log)
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
            entries = tree.scan(str(fresh))
            if wanted is None and app in self._project.apps:
                lock_files.check_packages(self._project.apps[app], name, entries)
                lock_files.check_lock_files(self._project.apps[app], name, fresh)
            digest: str = tree.digest(entries)
            if wanted in (None, digest):
                self._put_tree(fresh, trees / digest, Path(folder) / "old")
        return digest

    def _put_tree(self, fresh: Path, place: Path, old: Path) -> None:
        """Moves a tree to its place; a damaged one there goes to `old`. Two runs may do so at once."""
        with held(self._folder / "trees.lock", ArtifactError):
            if tree.digest(_scan(place)) == place.name:
                return
            if place.exists() or place.is_symlink():
                place.rename(old)
            fresh.rename(place)

    def list(self, app: str | None = None) -> builtins.list[Artifact]:
        """All artifacts, or an app's, the newest first: in the order in which the store took them in."""
        return [one.artifact for one in self._metadata(app)[0]]

    def _metadata(self, app: str | None = None) -> tuple[builtins.list[Metadata], builtins.list[UnreadableMetadata]]:
        """What can be read, the newest first, and what can't, of which a warning was told."""
        found, unreadable = metadata(self.place, app)
        for unreadable_metadata in unreadable:
            self._skip(unreadable_metadata.name, unreadable_metadata.error.message, unreadable_metadata.error.hint)
        return found, unreadable

    def _skip(self, name: str, why: str, hint: str | None = None) -> None:
        """Says, once, that an object is left out."""
        if name not in self._told:
            self._told.add(name)
            end = f" ({hint})" if hint else ""
            self._emit(Notice(f"skipped {self.place.shown(name)}: {why}{end}", warning=True))

    def unreadable(self, app: str | None = None) -> builtins.list[UnreadableMetadata]:
        """The metadata that can't be read, of all apps or of those that may be an app's."""
        return self._metadata(app)[1]

    def entries(self, prefix: str = "", suffix: str = "") -> builtins.list[StoreFile]:
        """The files of the store whose names begin and end so, also those that belong to no artifact."""
        return self.place.entries(prefix, suffix)

    def remove(self, artifact: Artifact, seen: Uses | None = None) -> bool:
        """Forgets an artifact: its metadata first, so that what's left of it can't be found.

        Args:
            artifact: The artifact.
            seen: What the store said of uses when this was decided; if not given, what it says now.

        Returns:
            Whether it's gone: a run may have begun to use it since.
        """
        before = seen or uses(self.place, self.now())
        began = time.monotonic()
        with removing(self.place, artifact, self._emit) as now:
            if artifact.archive in before.reserved or not free(self.place, artifact, before, now):
                return False
            if time.monotonic() - began > LONGEST_REMOVAL / 6:  # a machine that slept: nobody minds us any more
                return False
            for one in self._metadata(artifact.app)[0]:
                if one.artifact == artifact:
                    self.place.delete(one.name)
        return True

    def now(self) -> float:
        """The store's own time, in seconds since 1970."""
        return store_clock.now(self.place, self._emit)

    def discard(self, name: str) -> None:
        """Removes a file that nobody needs any more: an archive that no metadata names, for one."""
        self.place.delete(name)

    def needed(self) -> set[str]:
        """The names of the archives, logs and trees that the metadata names."""
        names: set[str] = set()
        for one in self._metadata()[0]:
            names |= {_blob(one.artifact.archive), one.artifact.tree, f"{provenance.log_of(one.envelope)}.log"}
        return names

    def with_archive(self, archive: str) -> Artifact | None:
        """The artifact with this SHA-256 of its archive, None when there's none."""
        return next((artifact for artifact in self.list() if artifact.archive == archive), None)

    def with_release(self, app: str, release: str) -> Artifact | None:
        """The app's artifact whose releases have this name, None when there's none."""
        return next((artifact for artifact in self.list(app) if artifact.release == release), None)

    def find(self, reference: str, app: str | None = None) -> Artifact:
        """The artifact that `app@version`, or a digest prefix of 8 or more, names.

        Raises:
            ArtifactError: None or several do, or its metadata can't be read.
        """
        documents, unreadable = self._metadata(app)
        known = [document.artifact for document in documents]
        found = [artifact for artifact in known if artifact.answers_to(reference)]
        if not found:
            for broken in unreadable:
                if broken.may_be(reference):
                    raise broken.error
            newest = f"the newest: {', '.join(artifact.label for artifact in known[:5])}" if known else _NONE
            near = did_you_mean(reference, [artifact.label for artifact in known]) if "@" in reference else None
            raise ArtifactError(
                f"there is no artifact '{reference}'",
                hint=near or newest,
            )
        if len({artifact.archive for artifact in found}) > 1:
            raise ArtifactError(f"'{reference}' names several artifacts", hint="give more digits")
        return found[0]

    def nearest(self, app: str, commits: builtins.list[str]) -> Artifact | None:
        """The build of the first of the commits that has one (dirty builds don't count)."""
        builds = {
            artifact.commit: artifact for artifact in reversed(self.list(app)) if artifact.commit and not artifact.dirty
        }
        return next((builds[commit] for commit in commits if commit in builds), None)

    def provenance(self, artifact: Artifact) -> dict[str, Any] | None:
        """The artifact's envelope with all its signatures, whoever signed it.

        None when an older version took it in, and nobody has signed it since.
        """
        own = next((one.envelope for one in self._metadata(artifact.app)[0] if one.artifact == artifact), None)
        return signatures.united(self._project, artifact, own, signatures.found(self.place, artifact, self._skip))

    def log(self, artifact: Artifact) -> str | None:
        """The log of its build, None when there's none; raises `ArtifactError` when it isn't what its digest says."""
        digest = provenance.log_of(self.provenance(artifact))
        name = f"{digest}.log"
        path = self.place.fetch(name, digest) if digest else None
        if path is None and digest and self._is_there(name):
            raise ArtifactError(f"the build log of {artifact.label} {self._unlike(name)}: {self.place.shown(name)}")
        return path.read_text(encoding="utf-8", errors="replace") if path is not None else None

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
        self.manifest(artifact, fresh=True)
        envelope = self.provenance(artifact)
        if envelope is None:
            envelope = provenance.envelope(self._project, artifact)
        provenance.compare(self._project, artifact, provenance.read(envelope))
        keyid = keys.public_of(key).id
        mine = dsse.signed({**envelope, "signatures": []}, key, keyid)
        attest(self.place, SIGNATURE, artifact.archive, mine)
        return keyid

    def manifest(self, artifact: Artifact, *, fresh: bool = False) -> builtins.list[dict[str, Any]]:
        """The tree's entries, see `cdconf.agent.release.tree`; a damaged tree is unpacked again from its archive.

        Args:
            artifact: The artifact.
            fresh: See `verify`.

        Raises:
            ArtifactError: The archive is missing or isn't what its digest says.
        """
        blob = self.verify(artifact, fresh=fresh)
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

    def verify(self, artifact: Artifact, *, fresh: bool = True) -> Path:
        """The archive as a local file.

        Args:
            artifact: The artifact.
            fresh: Read it from the store; else a copy of earlier on this machine does as well.

        Raises:
            ArtifactError: It isn't there, or isn't what its digest says.
        """
        blob = self.place.fetch(_blob(artifact.archive), artifact.archive, fresh=fresh)
        if blob is not None:
            return blob
        name = _blob(artifact.archive)
        problem = f"{self._unlike(name)}: {artifact.archive}" if self._is_there(name) else "is missing from the store"
        raise ArtifactError(f"the archive of {artifact.label} {problem}", hint=self._way_back(artifact))

    def _is_there(self, name: str) -> bool:
        """Whether something is under a name, which may be no file: a pipe, a directory, a link that leads nowhere."""
        return bool(self.place.entries(name, name))

    def _unlike(self, name: str) -> str:
        """Why what's under the name of a digest isn't what that says."""
        is_empty = all(entry.size == 0 for entry in self.place.entries(name, name))
        said = self.place.read([name]).get(name) if is_empty else None
        return f"can't be read: {reason(said)}" if isinstance(said, OSError) else "isn't what its digest says"

    def _way_back(self, artifact: Artifact) -> str:
        """Where a good copy of an archive may be, and what puts it back."""
        kept = self.place.kept(_blob(artifact.archive), artifact.archive)
        add, version = f"cdconf artifact add {artifact.app}", f"--version {artifact.version}"
        if kept is not None:
            return f"a whole copy is on this machine: `{add} {quote(str(kept))} {version}` puts it back"
        return (
            f"`{add} FILE {version}` puts it back from a copy, whose SHA-256 must be {artifact.archive}; a checkout "
            f"that has deployed it may have one, `cdconf artifact verify {artifact.label}` there says so; if there's "
            "none any more, build a new version"
        )

    def has_archive(self, artifact: Artifact) -> bool:
        """Whether the store itself has an archive of the right size: what a listing tells, without reading it."""
        return any(entry.size == artifact.size for entry in self.place.entries(_blob(artifact.archive)))


def _blob(archive: str) -> str:
    return f"{archive}.blob"


def _scan(folder: Path) -> list[dict[str, Any]]:
    """A tree's entries; none when it isn't there or holds what no tree may hold."""
    try:
        return list(tree.scan(str(folder))) if folder.is_dir() and not folder.is_symlink() else []
    except (OSError, ValueError):
        return []


__all__ = ["Artifact", "ArtifactStore"]
