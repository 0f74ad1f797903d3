"""Who works on something, by objects of the artifact store, which has neither locks nor overwriting.

pipelease-KEY-EPOCH.json        the work is somebody's; created exclusively. The highest epoch counts
pipebeat-KEY-EPOCH-NUMBER.json  the holder is alive; it makes the next one, then removes the last one

KEY is a digest of what the work is. A lease without an object of the last `TTL` seconds, by the store's own clock, is
that of a dead run: whoever makes the next epoch has it. What is of the future says nothing: the store's clock was set
back, or the object is a copy, and who lives makes a new one. A holder that finds a higher epoch than its own, or not
its own object, has lost it. What was given back is removed, so that free work has no object at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.errors import ArtifactError
from cdconf.own_files import parsed

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend
    from cdconf.artifacts.store_files import StoreFile

LEASE, BEAT = "pipelease-", "pipebeat-"
TTL = 60.0  # seconds without a beat after which a runner counts as dead
EVERY = 10.0  # seconds between beats
_TRIES = 3  # names that are tried where what has one is no file
_NAME = re.compile(r"pipe(?:lease|beat)-(?P<key>[0-9a-f]{32})-(?P<epoch>[0-9]{8,9})(?:-[0-9]{8,9})?\.json")


@dataclass(frozen=True)
class LeaseHolder:
    """Who has a lease.

    Attributes:
        key: What it's about, see `key_of`.
        epoch: How often it was taken since it was last free.
        times: When it gave the signs of life that are there, by the store's clock.
    """

    key: str
    epoch: int
    times: tuple[float, ...]

    @property
    def beaten(self) -> float:
        """When it last gave a sign of life."""
        return max(self.times)

    def is_alive(self, now: float) -> bool:
        """Whether it counts as alive at a time of the store's clock."""
        return any(abs(now - one) <= TTL for one in self.times)


def key_of(*words: str) -> str:
    """The key of some work: `("commit", PROJECT, COMMIT)`, `("stage", PROJECT, STAGE)`."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]


def holders(entries: Iterable[StoreFile]) -> dict[str, LeaseHolder]:
    """Who has what, alive or not, by key; from the objects of the store whose names begin with `pipe`."""
    found: dict[str, LeaseHolder] = {}
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match is None:
            continue
        key, epoch = match["key"], int(match["epoch"])
        known = found.get(key)
        if known is None or epoch > known.epoch:
            found[key] = LeaseHolder(key, epoch, (entry.modified,))
        elif epoch == known.epoch:
            found[key] = LeaseHolder(key, epoch, (*known.times, entry.modified))
    return found


def listed(place: Backend, key: str = "") -> list[StoreFile]:
    """The objects of a lease; of all of them, without a key."""
    return [*place.entries(f"{LEASE}{key}"), *place.entries(f"{BEAT}{key}")]


class StoreLease:
    """A lease that's held; see `take`. Not safe for threads.

    Attributes:
        lost: Whether somebody else has it by now.
    """

    def __init__(self, place: Backend, key: str, epoch: int, data: bytes) -> None:
        self._place = place
        self._key = key
        self._epoch = epoch
        self._data = data
        self._beats = 0
        self._last: str | None = None
        self._beaten = time.monotonic()
        self.lost = False

    def beat(self) -> bool:
        """Gives a sign of life, and returns whether it's still held.

        Raises:
            ArtifactError: The store can't be used.
        """
        self.lost = self.lost or not self._is_own()
        if self.lost:
            return False
        name = self._next_beat()
        while not self._place.create(name, b"{}"):  # of who had this epoch before, and didn't know that it's over
            name = self._next_beat()
        if self._last is not None:
            self._place.delete(self._last)
        self._last = name
        self._beaten = time.monotonic()
        return True

    def _next_beat(self) -> str:
        self._beats += 1
        return f"{BEAT}{self._key}-{self._epoch:08d}-{self._beats:08d}.json"

    def _is_own(self) -> bool:
        """Whether nobody has taken it since; after it was given back, epochs begin anew, so names don't tell."""
        if any(_epoch(entry.name) > self._epoch for entry in self._place.entries(f"{LEASE}{self._key}")):
            return False
        own = _lease(self._key, self._epoch)
        return self._place.read([own]).get(own) == self._data

    @property
    def is_due(self) -> bool:
        """Whether a beat is due."""
        return time.monotonic() - self._beaten >= EVERY

    def release(self) -> None:
        """Gives it back: its own object goes last, so that nobody finds it dead. What's another's by now is left."""
        if not self._is_own():
            self.lost = True
            return
        own = _lease(self._key, self._epoch)
        mine = [
            file for file in listed(self._place, self._key) if _epoch(file.name) <= self._epoch and file.name != own
        ]
        for file in mine:
            with contextlib.suppress(ArtifactError):  # of a dead one, another user's: it stays dead
                self._place.delete(file.name)
        self._place.delete(own)


def take(place: Backend, key: str, about: dict[str, object], now: float, *, is_dead: bool = False) -> StoreLease | None:
    """Takes a lease; None where somebody else has it.

    Args:
        place: The store.
        key: What it's about.
        about: Written into the object, for people.
        now: The store's time.
        is_dead: Whether whoever has it is known to be dead, though its beats are young: its process was here.

    Raises:
        ArtifactError: The store can't be used.
    """
    held = holders(listed(place, key)).get(key)
    if held is not None and held.is_alive(now) and not is_dead:
        return None
    data = json.dumps({**about, "nonce": os.urandom(8).hex()}, sort_keys=True).encode()
    epoch = _created(place, key, held.epoch + 1 if held is not None else 1, data)
    if epoch is None:
        return None
    # Whoever had it may have given it back meanwhile, and another one taken it anew, from the first epoch on.
    others = [file for file in listed(place, key) if _epoch(file.name) != epoch]
    before = holders(others).get(key)
    if before is not None and (held is None or before.epoch != held.epoch or before.beaten > held.beaten):
        place.delete(_lease(key, epoch))
        return None
    return StoreLease(place, key, epoch, data)


def _created(place: Backend, key: str, first: int, data: bytes) -> int | None:
    """Makes the object of an epoch, of the first one if possible; None where somebody else was faster."""
    for epoch in range(first, first + _TRIES):
        if place.create(_lease(key, epoch), data):
            return epoch
        if any(_epoch(file.name) == epoch for file in listed(place, key)):
            return None
    raise ArtifactError(
        f"{place.shown(_lease(key, first))} is no file, and stands where a lease would be",
        hint="move it away: no cdconf has made it",
    )


def about_of(place: Backend, key: str) -> dict[str, object]:
    """What the holder has said of itself; nothing where there's none, or it can't be read."""
    names = sorted((entry.name for entry in place.entries(f"{LEASE}{key}")), key=_epoch)
    data = place.read(names[-1:]).get(names[-1]) if names else None
    try:
        found = parsed(data) if isinstance(data, bytes) else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lease(key: str, epoch: int) -> str:
    return f"{LEASE}{key}-{epoch:08d}.json"


def _epoch(name: str) -> int:
    match = _NAME.fullmatch(name)
    return int(match["epoch"]) if match else 0
