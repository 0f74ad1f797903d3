"""The clock of a store: what's old there is told by when the store itself made it, not by this machine's time."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from cdconf import clocks
from cdconf.errors import ArtifactError
from cdconf.events import ClocksSeen, Emit

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend

PROBE = "clock-"  # begins the name of an object that's made to see when the store makes it
_STEP = 2.0  # seconds by which somebody has set this machine's clock, when it went on by so much more or less


def create(place: Backend, name: str, data: bytes, emit: Emit) -> float:
    """Makes a small file, as `Backend.create` does, and returns the store's time, in seconds since 1970."""
    before = time.time()
    place.create(name, data)
    return time.time() + compare(place, name, before, emit)


def now(place: Backend, emit: Emit) -> float:
    """The store's time in seconds since 1970; this machine's where nothing can be written to it."""
    name = f"{PROBE}{os.urandom(8).hex()}.json"
    try:
        try:
            return create(place, name, b"{}", emit)
        finally:
            place.delete(name)
    except ArtifactError:
        return time.time()


def compare(place: Backend, name: str, before: float, emit: Emit) -> float:
    """By how many seconds the store's clock is ahead of this machine's, by a file that was made since `before`."""
    after = time.time()
    made = next((entry.modified for entry in place.entries(name) if entry.name == name), None)
    ahead = clocks.ahead(made, before, after)
    if ahead is not None:
        emit(ClocksSeen("store", {"the artifact store": ahead}))
    return ahead or 0.0


class StoreClock:
    """A store's time, for what lives long: the store is asked again when somebody has set this machine's clock.

    Args:
        place: The store.
        emit: The event stream.
    """

    def __init__(self, place: Backend, emit: Emit) -> None:
        self._place = place
        self._emit = emit
        self._ask()

    def _ask(self) -> None:
        self._ahead = now(self._place, self._emit) - time.time()
        self._difference = time.time() - time.monotonic()

    def __call__(self) -> float:
        """The store's time in seconds since 1970."""
        if abs(time.time() - time.monotonic() - self._difference) > _STEP:
            self._ask()
        return time.time() + self._ahead
