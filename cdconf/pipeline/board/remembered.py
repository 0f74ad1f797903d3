"""What a board is made of, remembered in .cdconf/board.json: for whoever looks at thousands of artifacts.

A statement's object never changes, and neither does who has signed it. So that's what's remembered, by the objects'
names; whether a signer counts is judged each time. Artifacts of which an object can't be read, or counts for nothing,
are read anew: somebody is to be warned of it. Metadata is remembered by its object's name, size and time.
Nothing that opens a gate is ever read from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.attestations import STATEMENT, STOP
from cdconf.artifacts.metadata import Unreadable, listed, read_all
from cdconf.artifacts.shards import SUFFIX
from cdconf.own_files import parsed, read_bytes
from cdconf.pipeline.board.listed import Listed, listed_of, newest_first
from cdconf.pipeline.board.words import Word, words_of
from cdconf.promotion.checked import AHEAD, Checked
from cdconf.promotion.offices import stage_office
from cdconf.promotion.said import Held, Proof
from cdconf.secrets.store import write_private

if TYPE_CHECKING:
    from cdconf.events import Event
    from cdconf.promotion.evidence import Evidence

FILE = "board.json"
VERSION = 2
MANY = 500  # artifacts for which it's faster to read the whole store at once


class Memory:
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
                *(one.id for one in evidence.signers.signers),
            ]
        )
        self._listed: dict[str, list[Any]] = {}
        self._words: dict[str, list[Any]] = {}
        self._load()

    def artifacts(self) -> tuple[list[Listed], list[Unreadable]]:
        """All of the store's, the newest first; and the metadata that can't be read, which is read anew each time.

        Raises:
            ArtifactError: The store can't be read.
        """
        there = listed(self._evidence.place)
        known, self._listed = self._listed, {}
        fresh = []
        for one in there:
            row = known.get(one.name)
            if row is not None and row[0] == one.size and row[-1] == one.modified:
                self._listed[one.name] = row
            else:
                fresh.append(one)
        sizes = {one.name: one.size for one in fresh}
        found, unreadable = read_all(self._evidence.place, fresh)
        for made in found:
            self._listed[made.name] = [sizes[made.name], *listed_of(made)[1:]]
        everything = [Listed(name, *row[1:]) for name, row in self._listed.items()]
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
        names = self._names(set(archives))
        digests = {archive: _digest(there) for archive, there in names.items()}
        fresh = {one for one, digest in digests.items() if one not in self._words or self._words[one][0] != digest}
        unread: set[str] = set()
        every = self._evidence.every(STATEMENT, unread.add, archives) if len(fresh) > MANY else None
        counting = _Counting(self._evidence)
        found: dict[str, list[Word]] = {}
        kept: dict[str, list[Any]] = {}
        for archive, digest in digests.items():
            if archive not in fresh:
                kept[archive] = self._words[archive]
                found[archive] = counting.words(archive, kept[archive][1])
                continue
            proofs = self._read(archive, unread) if every is None else every.get(archive, [])
            found[archive] = list(words_of(self._evidence.project.name, archive, proofs))
            if archive not in unread and all(_is_plain(one) for one in proofs):
                kept[archive] = [digest, self._rows(archive, proofs)]
        changed = bool(fresh & kept.keys()) or len(kept) != len(self._words)
        self._words = kept
        if changed:
            self._save()
        return found

    def has_stops(self) -> bool:
        """Whether the store has any object that may be a stop."""
        return any(one.startswith(f"{STOP}-") for one in self._attested)

    @cached_property
    def _attested(self) -> list[str]:
        """The names of all that was said: one listing for all kinds."""
        return self._evidence.place.names("", SUFFIX)

    def _names(self, archives: set[str]) -> dict[str, list[str]]:
        """Archive -> the names of what was said of it."""
        begins, ends = len(STATEMENT) + 1, len(STATEMENT) + 65
        found: dict[str, list[str]] = {}
        head = f"{STATEMENT}-"
        for name in self._attested:
            if name.startswith(head) and (archive := name[begins:ends]) in archives:
                found.setdefault(archive, []).append(name)
        return found

    def _read(self, archive: str, unread: set[str]) -> list[Checked]:
        def warned(event: Event) -> None:
            unread.add(archive)
            self._evidence.emit(event)

        return replace(self._evidence, emit=warned).proofs(archive)

    def _rows(self, archive: str, proofs: Iterable[Checked]) -> list[list[Any]]:
        rows = []
        for one in proofs:
            for word in words_of(self._evidence.project.name, archive, [one]):
                content = word.statement.removesuffix(SUFFIX).rpartition("-")[2]
                rows.append([one.signer.id if one.signer else "", *word[:-1], content])
        return rows

    def _load(self) -> None:
        """Reads it; nothing where it's damaged, of another version, or of other keys."""
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            head, digest, text = read_bytes(self._evidence.project.data_if_any / FILE).split(b"\n", 2)
            if head.decode() == self._head and digest.decode() == hashlib.sha256(text).hexdigest():
                found = parsed(text)
                self._listed, self._words = found["listed"], found["words"]

    def _save(self) -> None:
        with suppress(OSError):  # who may only read reads it all each time
            text = json.dumps({"listed": self._listed, "words": self._words}, separators=(",", ":"))
            digest = hashlib.sha256(text.encode()).hexdigest()
            write_private(self._evidence.project.data / FILE, f"{self._head}\n{digest}\n{text}")


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(sorted(words)).encode()).hexdigest()[:24]


def _is_plain(one: Checked) -> bool:
    return one.refusal is None and one.signer is not None and isinstance(one.said, (Proof, Held))


class _Counting:
    """Whether those who signed count now."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._latest = evidence.now + AHEAD
        self._known: dict[tuple[str, str], bool] = {}

    def words(self, archive: str, rows: Iterable[Sequence[Any]]) -> list[Word]:
        """Those of an artifact's rows that count now; none that says to have been said in the future."""
        begins = f"{STATEMENT}-{archive}-"
        return [
            Word(app, stage, environment, copy_of, result, finished, f"{begins}{content}{SUFFIX}")
            for keyid, app, stage, environment, copy_of, result, finished, content in rows
            if finished <= self._latest and self._counts(keyid, stage)
        ]

    def _counts(self, keyid: str, stage: str) -> bool:
        place = (keyid, stage)
        if place not in self._known:
            there = self._evidence.signers.of(stage_office(stage), self._evidence.now)
            self._known[place] = any(one.id == keyid for one in there)
        return self._known[place]
