"""The clock of a store: what's old there is told by when the store itself made it, not by this machine's time."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from cdconf import clocks
from cdconf.errors import ArtifactError
from cdconf.events import ClocksSeen, Emit

if TYPE_CHECKING:
    from cdconf.artifacts.places import Place

PROBE = "clock-"  # begins the name of an object that's made to see when the store makes it


def create(place: Place, name: str, data: bytes, emit: Emit) -> float:
    """Makes a small file, as `Place.create` does, and returns the store's time, in seconds since 1970."""
    before = time.time()
    place.create(name, data)
    return time.time() + compare(place, name, before, emit)


def now(place: Place, emit: Emit) -> float:
    """The store's time in seconds since 1970; this machine's where nothing can be written to it."""
    name = f"{PROBE}{os.urandom(8).hex()}.json"
    try:
        try:
            return create(place, name, b"{}", emit)
        finally:
            place.delete(name)
    except ArtifactError:
        return time.time()


def compare(place: Place, name: str, before: float, emit: Emit) -> float:
    """By how many seconds the store's clock is ahead of this machine's, by a file that was made since `before`."""
    after = time.time()
    made = next((one.modified for one in place.entries(name) if one.name == name), None)
    ahead = clocks.ahead(made, before, after)
    if ahead is not None:
        emit(ClocksSeen("store", {"the artifact store": ahead}))
    return ahead or 0.0
