"""What is said of an artifact after it was taken in: each attestation is an object of its own, and is never changed.

KIND-ARCHIVE-CONTENT.dsse    a DSSE envelope (see `dsse`). ARCHIVE is the SHA-256 of the artifact's archive, CONTENT
                             that of the object's own bytes

They are created exclusively, and found by the prefix `KIND-ARCHIVE-`. Nothing is read, changed and written back, so
writers at the same time can't lose each other's. Saying the same twice makes one object. What isn't an envelope, or
isn't what its name says, is skipped: whoever can write to the store must not be able to hide what others have said.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import dsse
from cdconf.artifacts.shards import SUFFIX
from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.store_files import StoreFile

SIGNATURE = "signature"  # the artifact's provenance with one more signature
STATEMENT = "statement"  # a stage has passed or failed
STOP = "stop"  # an artifact or an app goes no further; or a stop is lifted
OVERRIDE = "override"  # somebody has passed a gate without what it asks for
APPROVAL = "approval"  # a person approves or rejects
LARGEST = 1024 * 1024  # bytes
_TOO_LARGE = f"it has more than {LARGEST} bytes"
_NAME = re.compile(r"(?P<kind>[a-z]+)-(?P<archive>[0-9a-f]{64})-(?P<content>[0-9a-f]{64})\.dsse")


def attest(place: Backend, kind: str, archive: str, envelope: Mapping[str, Any]) -> str:
    """Puts an envelope beside an artifact.

    Args:
        place: Where the store lies.
        kind: What it is: `signature`, …
        archive: The SHA-256 of the artifact's archive, in hex.
        envelope: The envelope.

    Returns:
        The object's name; one that was there already is the same, to the byte.
    """
    data = json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode("utf-8")
    name = f"{kind}-{archive}-{hashlib.sha256(data).hexdigest()}{SUFFIX}"
    place.create(name, data)
    return name


def content_of(name: str) -> str:
    """The digest of the object's own bytes, by which others name it."""
    return name.removesuffix(SUFFIX).rpartition("-")[2]


def attested(
    place: Backend, kind: str, archive: str, skip: Callable[[str, str], None] = lambda name, why: None
) -> list[dict[str, Any]]:
    """The envelopes of `named`."""
    return list(named(place, kind, archive, skip).values())


def named(
    place: Backend,
    kind: str,
    archive: str,
    skip: Callable[[str, str], None] = lambda name, why: None,
    newest: int | None = None,
) -> dict[str, dict[str, Any]]:
    """The envelopes of one kind beside an artifact by their objects' names, sorted. Nobody has judged them yet.

    Args:
        place: Where the store lies.
        kind: What they are.
        archive: The SHA-256 of the artifact's archive, in hex.
        skip: Gets the name of each object that can't be read, and why.
        newest: Only so many, those that came last; None: all.

    Raises:
        ArtifactError: The store can't be read; or an object that may be a stop can't, since what it stops would go on.
    """
    found = sorted(place.entries(f"{kind}-{archive}-", SUFFIX), key=lambda file: file.modified, reverse=True)
    return read_listed(place, kind, found[:newest], skip)


def all_named(
    place: Backend,
    kind: str,
    skip: Callable[[str, str], None] = lambda name, why: None,
    wanted: Collection[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """The same of everything in the store that there's such a kind of, or of what's found by one of `wanted`."""
    found = listed(place, kind)
    if wanted is not None:
        keys = frozenset(wanted)
        found = [file for file in found if archive_of(file, kind) in keys]
    return read_listed(place, kind, found, skip)


def listed(place: Backend, kind: str) -> list[StoreFile]:
    """Everything in the store that's named as one of a kind; raises `ArtifactError` where it can't be listed."""
    return place.entries(f"{kind}-", SUFFIX)


def read_listed(
    place: Backend, kind: str, entries: Sequence[StoreFile], skip: Callable[[str, str], None]
) -> dict[str, dict[str, Any]]:
    """The envelopes of some of them; see `named`."""
    names = []
    for entry in entries:
        if entry.size > LARGEST:
            skip(entry.name, _TOO_LARGE)
        else:
            names.append(entry.name)
    return read_named(place, kind, names, skip)


def read_named(
    place: Backend, kind: str, names: Sequence[str], skip: Callable[[str, str], None]
) -> dict[str, dict[str, Any]]:
    """The envelopes of objects that somebody has listed, sorted by their names; for the rest see `named`."""
    return {name: one for name, (one, _) in read_opened(place, kind, names, skip).items()}


def read_opened(
    place: Backend, kind: str, names: Sequence[str], skip: Callable[[str, str], None]
) -> dict[str, tuple[dict[str, Any], tuple[str, bytes]]]:
    """The same, each with what `dsse.content` gives of it: where there are thousands, to decode them twice is felt."""
    found = {}
    for name, data in sorted(place.read(names).items()):
        if isinstance(data, OSError) and kind == STOP:
            raise ArtifactError(f"can't read {place.shown(name)}: it may be a stop ({data.strerror or data})") from data
        try:
            found[name] = _read(name, data)
        except (ArtifactError, OSError, ValueError, TypeError, RecursionError) as error:
            skip(name, getattr(error, "strerror", None) or str(error))
    return found


def archive_of(entry: StoreFile, kind: str) -> str | None:
    """Which archive an object of the store speaks of; None when it's no attestation of this kind."""
    return archive_named(entry.name, kind)


def archive_named(name: str, kind: str) -> str | None:
    """The same of an object by its name."""
    match = _NAME.fullmatch(name)
    return match["archive"] if match and match["kind"] == kind else None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a name that's there twice: who checks the one and reads the other would be fooled."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it isn't a DSSE envelope: '{twice[:40]}' is there twice")
    return found


def _read(name: str, data: bytes | OSError) -> tuple[dict[str, Any], tuple[str, bytes]]:
    if isinstance(data, OSError):
        raise data
    if len(data) > LARGEST:
        raise ValueError(_TOO_LARGE)
    match = _NAME.fullmatch(name)
    if match is None or hashlib.sha256(data).hexdigest() != match["content"]:
        raise ValueError("it isn't what its name says: its bytes have another digest")
    envelope = json.loads(data, object_pairs_hook=_each_once)
    if not isinstance(envelope, dict):
        raise TypeError("it isn't an envelope")
    return envelope, dsse.content(envelope)
