"""The leases in the store that a run of the pipeline holds, and the beats that keep them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cdconf.errors import ArtifactError
from cdconf.events import Emit, Notice
from cdconf.pipeline import store_lease
from cdconf.pipeline.store_lease import TTL, StoreLease

if TYPE_CHECKING:
    from cdconf.artifacts.backends import Backend

_TICK = 1.0  # seconds


class Holding:
    """Takes leases, beats for them all, and gives them back. Safe for threads.

    Args:
        place: The store.
        about: What others are told of this run.
        now: Gives the store's time.
        emit: The event stream.

    Attributes:
        is_taken: Whether another run has them.
    """

    def __init__(
        self,
        place: Backend,
        about: dict[str, object],
        now: Callable[[], float],
        emit: Emit,
    ) -> None:
        self._place = place
        self._about = about
        self._now = now
        self._emit = emit
        self._guard = threading.Lock()
        self._leases: dict[str, StoreLease] = {}
        self._ended = threading.Event()
        self.is_taken = False
        self._lost = ""
        self._losing: list[Callable[[str], None]] = []
        self._beaten = time.monotonic()

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Beats until the block ends; then everything is given back."""
        thread = threading.Thread(target=self._beat, daemon=True, name="cdconf-pipeline-beats")
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            for key in list(self._leases):
                with contextlib.suppress(ArtifactError):  # it's free when its time is over
                    self.release(key)

    def when_lost(self, losing: Callable[[str], None]) -> None:
        """Has somebody called when they're lost: they're another run's, or nobody could be told that this one lives.

        It's called at once where that has happened already.
        """
        with self._guard:
            self._losing.append(losing)
            why = self._lost
        if why:
            losing(why)

    def _lose(self, why: str) -> None:
        with self._guard:
            self._lost = why
            losing = list(self._losing)
        for one in losing:
            one(why)

    def take(self, key: str, *, is_dead: bool = False) -> bool:
        """Takes a lease; False where somebody else has it. Raises `ArtifactError` where the store can't be used."""
        with self._guard:
            if key in self._leases:
                return True
            found = store_lease.take(self._place, key, self._about, self._now(), is_dead=is_dead)
            if found is not None:
                self._leases[key] = found
            return found is not None

    def release(self, key: str) -> None:
        """Gives one back; one that isn't held is fine."""
        with self._guard:
            lease = self._leases.pop(key, None)
            if lease is not None and not lease.lost:
                lease.release()

    def _beat(self) -> None:
        told = False
        while not self._ended.wait(_TICK):
            try:
                with self._guard:
                    due = [lease for lease in self._leases.values() if lease.is_due]
                    alive = [lease.beat() for lease in due]
                if not all(alive):
                    self.is_taken = True
                    self._lose("another run has taken over: this one gave no sign of life for too long")
                    return
                self._beaten = time.monotonic() if due or not self._leases else self._beaten
                told = False
            except ArtifactError as error:
                if not told:
                    told = True
                    self._emit(
                        Notice(f"can't show other runners that this run is alive: {error.message}", warning=True)
                    )
                if time.monotonic() - self._beaten > TTL:
                    self._lose("the artifact store can't be reached, and another run may have taken over")
                    return
