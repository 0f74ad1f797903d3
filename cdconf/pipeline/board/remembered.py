"""What a board is made of, remembered in .cdconf/board.json: for whoever looks at thousands of artifacts.

A statement's object never changes, and neither does who has signed it. So that's what's remembered, by the objects'
names, once this machine has verified the signature; whether a signer counts is judged each time. Artifacts of which an
object can't be read, or counts for nothing, are read anew: somebody is to be warned of it. What isn't in a directory
of the store in which names have come or gone needn't be looked at. Metadata is remembered by its object's name, size
and time. The file counts only where nobody else can have written it, and nothing that opens a gate is read from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.attestations import STATEMENT, STOP, content_of
from cdconf.artifacts.metadata import UnreadableMetadata, listed, read_all
from cdconf.artifacts.shards import SUFFIX
from cdconf.atomic import write_private
from cdconf.own_files import own_bytes
from cdconf.pipeline.board.gathering import gather
from cdconf.pipeline.board.listed import ListedArtifact, listed_of, newest_first
from cdconf.pipeline.board.words import Word
from cdconf.promotion.checked import AHEAD
from cdconf.promotion.offices import stage_office

if TYPE_CHECKING:
    from cdconf.promotion.evidence import Evidence

FILE = "board.json"
VERSION = 3
LARGEST = 1024 * 1024 * 1024  # bytes
_STOP = f"{STOP}-"
_Row = list[Any]  # the digest of the objects' names; then for each word its kind, time, and object's digest
_Shard = list[Any]  # the digest of its names, in the listing's order; then archive -> row


class StoreMemory:
    """What was read of a store, and what of it is there still.

    Args:
        evidence: The store.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._head = _digest(
            [
                str(VERSION),
                evidence.project.name,
                evidence.place.shown(""),
                *sorted(signer.id for signer in evidence.signers.signers),
            ]
        )
        self._listed: dict[str, list[Any]] = {}
        self._kinds: list[list[Any]] = []
        self._shards: dict[str, _Shard] = {}
        self._load()

    def artifacts(self) -> tuple[list[ListedArtifact], list[UnreadableMetadata]]:
        """All of the store's, the newest first; and the metadata that can't be read, which is read anew each time.

        Raises:
            ArtifactError: The store can't be read.
        """
        there = listed(self._evidence.place)
        known, self._listed = self._listed, {}
        fresh = []
        for file in there:
            row = known.get(file.name)
            if row is not None and row[0] == file.size and row[-1] == file.modified:
                self._listed[file.name] = row
            else:
                fresh.append(file)
        sizes = {file.name: file.size for file in fresh}
        found, unreadable = read_all(self._evidence.place, fresh)
        for made in found:
            self._listed[made.name] = [sizes[made.name], *listed_of(made)[1:]]
        everything = [ListedArtifact(name, *row[1:]) for name, row in self._listed.items()]
        if found or len(known) != len(self._listed):
            self._save()
        return newest_first(everything), unreadable

    def words(self, archives: Collection[str]) -> dict[str, list[Word]]:
        """Archive -> what stages said of it, as far as it counts now.

        Args:
            archives: The artifacts. What the store finds by an environment, too, isn't read twice.

        Raises:
            ArtifactError: The store can't be read.
        """
        counting = _Counting(self._evidence, self._kinds)
        found: dict[str, list[Word]] = {}
        fresh: dict[str, list[str]] = {}
        shards: dict[str, _Shard] = {}
        for shard, wanted in _by_shard(archives).items():
            names = self._sharded.get(shard, [])
            known, digest = self._shards.get(shard), _digest(names)
            rows = known[1] if known is not None else {}
            if known is not None and known[0] == digest and all(one in rows for one in wanted):
                shards[shard] = known if len(rows) == len(wanted) else [digest, {one: rows[one] for one in wanted}]
            else:
                own = {one: rows[one] for one in wanted if one in rows}
                shards[shard] = [digest, self._still(own, _speaking(names, shard, wanted), fresh)]
            found |= {archive: counting.words(archive, row[1]) for archive, row in shards[shard][1].items()}
        found |= self._read(fresh, shards)
        if shards != self._shards:
            self._shards = shards
            self._save()
        return found

    def _still(
        self, rows: dict[str, _Row], names: dict[str, list[str]], fresh: dict[str, list[str]]
    ) -> dict[str, _Row]:
        """The rows of artifacts of which nothing new was said; the others' objects are added to `fresh`."""
        kept = {}
        for archive, there in names.items():
            row = rows.get(archive)
            if row is not None and row[0] == _digest(sorted(there)):
                kept[archive] = row
            else:
                fresh[archive] = there
        return kept

    def _read(self, fresh: dict[str, list[str]], shards: dict[str, _Shard]) -> dict[str, list[Word]]:
        """What stages said of artifacts by the store itself; it's added to what's remembered."""
        found: dict[str, list[Word]] = {}
        places = {tuple(kind): number for number, kind in enumerate(self._kinds)}
        for archive, gathered in gather(self._evidence, fresh).items():
            found[archive] = [word for _, word in gathered.words]
            if not gathered.is_plain:
                continue
            row: list[Any] = []
            for keyid, word in gathered.words:
                kind = (keyid, *word[:-2])
                if kind not in places:
                    places[kind] = len(self._kinds)
                    self._kinds.append(list(kind))
                row += [places[kind], word.finished, content_of(word.statement)]
            shards[archive[:2]][1][archive] = [_digest(sorted(fresh[archive])), row]
        return found

    def has_stops(self) -> bool:
        """Whether the store has any object that may be a stop."""
        return any(name.startswith(_STOP) for names in self._sharded.values() for name in names)

    @cached_property
    def _sharded(self) -> dict[str, list[str]]:
        """The names of all that was said: one listing for all kinds."""
        return self._evidence.place.sharded()

    def _load(self) -> None:
        """Reads it; nothing where it's damaged, of another version, of other keys, or may be somebody else's."""
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            head, digest, text = own_bytes(self._evidence.project.data_if_any / FILE, LARGEST).split(b"\n", 2)
            if head.decode() == self._head and digest.decode() == hashlib.sha256(text).hexdigest():
                found = json.loads(text)
                self._listed, self._kinds, self._shards = found["listed"], found["kinds"], found["shards"]

    def _save(self) -> None:
        with suppress(OSError):  # who may only read reads it all each time
            remembered = {"listed": self._listed, "kinds": self._kinds, "shards": self._shards}
            text = json.dumps(remembered, separators=(",", ":"))
            digest = hashlib.sha256(text.encode()).hexdigest()
            write_private(self._evidence.project.data / FILE, f"{self._head}\n{digest}\n{text}")


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _by_shard(archives: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for archive in archives:
        found.setdefault(archive[:2], []).append(archive)
    return found


def _speaking(names: Iterable[str], shard: str, archives: Iterable[str]) -> dict[str, list[str]]:
    """Archive -> the names, among those of a shard, of what was said of it."""
    found: dict[str, list[str]] = {one: [] for one in archives}
    head = f"{STATEMENT}-{shard}"
    begins, ends = len(STATEMENT) + 1, len(STATEMENT) + 65
    for name in names:
        if name.startswith(head) and name.endswith(SUFFIX) and (archive := name[begins:ends]) in found:
            found[archive].append(name)
    return found


class _Counting:
    """Whether those who signed count now.

    Args:
        evidence: The store.
        kinds: What rows have in common: the key, the app, the stage, its environment and what that copies, the result.
    """

    def __init__(self, evidence: Evidence, kinds: Sequence[Sequence[Any]]) -> None:
        self._latest = evidence.now + AHEAD
        self._kinds = kinds
        offices = {kind[2]: evidence.signers.of(stage_office(kind[2]), evidence.now) for kind in kinds}
        self._counts = [any(signer.id == kind[0] for signer in offices[kind[2]]) for kind in kinds]
        self._about = [tuple(kind[1:]) for kind in kinds]

    def words(self, archive: str, row: Sequence[Any]) -> list[Word]:
        """Those of an artifact's words that count now; none that says to have been said in the future."""
        begins = f"{STATEMENT}-{archive}-"
        latest, counts, about = self._latest, self._counts, self._about
        return [
            Word._make((*about[kind], finished, f"{begins}{content}{SUFFIX}"))
            for kind, finished, content in zip(row[::3], row[1::3], row[2::3], strict=True)
            if finished <= latest and counts[kind]
        ]
