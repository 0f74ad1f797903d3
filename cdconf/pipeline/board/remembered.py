"""What stages said of artifacts, remembered in .cdconf/board.json: for whoever looks at thousands of them.

A statement's object never changes, and neither does who has signed it. So that's what's remembered, by the objects'
names; whether a signer counts is judged each time. Artifacts of which an object can't be read, or counts for nothing,
are read anew: somebody is to be warned of it. Nothing that opens a gate is ever read from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.artifacts.attestations import STATEMENT, archive_of
from cdconf.artifacts.shards import SUFFIX
from cdconf.promotion.checked import AHEAD, Checked
from cdconf.promotion.offices import stage_office
from cdconf.promotion.said import Held, Proof, Subject
from cdconf.secrets.store import write_private

if TYPE_CHECKING:
    from cdconf.events import Event
    from cdconf.promotion.evidence import Evidence

FILE = "board.json"
VERSION = 1
MANY = 500  # artifacts for which it's faster to read the whole store at once
_KEPT = (
    "project", "app", "version", "stage", "environment", "copy_of", "result", "procedure", "commit", "started",
    "finished", "isolated",
)  # fmt: skip
_LOST: dict[str, Any] = {"tool": "", "hosts": {}, "smoke": {}, "acceptance": None, "parity": None, "run": ""}


def proofs_of(evidence: Evidence, archives: Collection[str]) -> dict[str, list[Checked]]:
    """Archive -> what stages said of it; but for what boards don't show, as it was said.

    Args:
        evidence: The store.
        archives: The artifacts. What the store finds by an environment, too, isn't read twice.

    Raises:
        ArtifactError: The store can't be read.
    """
    names: dict[str, list[str]] = {}
    for one in evidence.place.entries(f"{STATEMENT}-", SUFFIX):
        archive = archive_of(one, STATEMENT)
        if archive is not None and archive in archives:
            names.setdefault(archive, []).append(one.name)
    keys = _digest(one.id for one in evidence.signers.signers)
    remembered = _load(evidence, keys)
    digests = {archive: _digest(there) for archive, there in names.items()}
    fresh = {one for one, digest in digests.items() if one not in remembered or remembered[one][0] != digest}
    unread: set[str] = set()
    every = evidence.every(STATEMENT, unread.add, archives) if len(fresh) > MANY else None
    trusted = _Trusted(evidence)
    found: dict[str, list[Checked]] = {}
    kept: dict[str, Any] = {}
    for archive, digest in digests.items():
        if archive not in fresh:
            kept[archive] = remembered[archive]
            found[archive] = [trusted.checked(one) for one in kept[archive][1]]
            continue
        found[archive] = _read(evidence, archive, unread) if every is None else every.get(archive, [])
        if archive not in unread and all(_is_plain(one) for one in found[archive]):
            kept[archive] = [digest, [_row(one) for one in found[archive] if isinstance(one.said, Proof)]]
    if kept != remembered:
        _save(evidence, keys, kept)
    return found


def _read(evidence: Evidence, archive: str, unread: set[str]) -> list[Checked]:
    def warned(event: Event) -> None:
        unread.add(archive)
        evidence.emit(event)

    return replace(evidence, emit=warned).proofs(archive)


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(sorted(words)).encode()).hexdigest()[:24]


def _is_plain(one: Checked) -> bool:
    return one.refusal is None and one.signer is not None and isinstance(one.said, (Proof, Held))


def _row(one: Checked) -> list[Any]:
    said = one.said
    if not isinstance(said, Proof) or one.signer is None:
        raise TypeError(one.name)
    subject = (said.subject.name, said.subject.archive, said.subject.tree)
    return [one.name, one.signer.id, *subject, *(getattr(said, name) for name in _KEPT)]


class _Trusted:
    """Whether those who signed count now."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._known: dict[tuple[str, str], Any] = {}

    def checked(self, row: Sequence[Any]) -> Checked:
        """What a row remembers, judged now."""
        name, keyid, label, archive, tree, *values = row
        about = dict(zip(_KEPT, values, strict=True))
        said = Proof(subject=Subject(label, archive, tree), **about, **_LOST)
        signer = self._signer(keyid, said.stage)
        refusal = None if signer is not None else "is signed by a key that doesn't count now"
        if said.finished > self._evidence.now + AHEAD:
            refusal = "was made in the future, by its signer's clock"
        return Checked(name, said, refusal, signer)

    def _signer(self, keyid: str, stage: str) -> Any:
        place = (keyid, stage)
        if place not in self._known:
            there = self._evidence.signers.of(stage_office(stage), self._evidence.now)
            self._known[place] = next((one for one in there if one.id == keyid), None)
        return self._known[place]


def _load(evidence: Evidence, keys: str) -> dict[str, Any]:
    """What's remembered for these keys; nothing where it's damaged."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        found = json.loads((evidence.project.data_if_any / FILE).read_text(encoding="utf-8"))
        if (found["version"], found["keys"]) == (VERSION, keys):
            rows: dict[str, Any] = found["artifacts"]
            if all(len(row) == 2 and all(_is_row(one) for one in row[1]) for row in rows.values()):
                return rows
    return {}


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 5 + len(_KEPT) and isinstance(row[-2], (int, float))


def _save(evidence: Evidence, keys: str, rows: Mapping[str, Any]) -> None:
    with suppress(OSError):  # who may only read reads it all each time
        text = json.dumps({"version": VERSION, "keys": keys, "artifacts": rows}, separators=(",", ":"))
        write_private(evidence.project.data / FILE, text)
