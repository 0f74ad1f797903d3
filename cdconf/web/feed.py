"""One stream of events: that something has changed, and that the server is there; none of them holds any content.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

BEAT = 10.0  # seconds
LONGEST = 3600.0  # seconds of a stream: the browser comes again
MOST = 32  # streams at a time
_KEPT = 500  # changes


@dataclass
class Feed:
    """Who listens, and what they have missed.

    Attributes:
        start: Tells this start of the server from others: their numbers mean something else.
    """

    start: str = field(default_factory=lambda: secrets.token_hex(4))
    number: int = 0
    _times: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _waiting: set[asyncio.Event] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        """Whether no more may listen."""
        return len(self._waiting) >= MOST

    def tell(self) -> None:
        """Something has changed; called in the loop's own thread."""
        self.number += 1
        self._times.append((self.number, time.time()))
        for one in self._waiting:
            one.set()

    def missed(self, last: str) -> list[str]:
        """The messages for somebody whose last one had this id; they come again after a lost connection."""
        start, _, number = last.partition("-")
        if start != self.start or not number.isdecimal():
            return [message("restarted", self._id(), {"at": time.time()})] if last else []
        return self._after(int(number[:18]))

    def _after(self, number: int) -> list[str]:
        new = [one for one in self._times if one[0] > number]
        if not new:
            return []
        data = {"changes": self.number - number, "since": new[0][1], "at": new[-1][1]}
        return [message("changed", self._id(), data)]

    def _id(self) -> str:
        return f"{self.start}-{self.number}"

    async def listen(self, last: str) -> AsyncIterator[str]:
        """A stream's messages, until it has lasted long enough.

        Args:
            last: `Last-Event-ID`; empty for who comes for the first time.
        """
        wakes = asyncio.Event()
        self._waiting.add(wakes)
        ends = time.monotonic() + LONGEST
        seen = self.number
        try:
            yield "retry: 2000\n\n"
            for text in self.missed(last):
                yield text
            yield message("beat", self._id(), {"at": time.time()})
            while time.monotonic() < ends:
                try:
                    await asyncio.wait_for(wakes.wait(), BEAT)
                except TimeoutError:
                    yield message("beat", self._id(), {"at": time.time()})
                    continue
                wakes.clear()
                for text in self._after(seen):
                    yield text
                seen = self.number
        finally:
            self._waiting.discard(wakes)


def message(event: str, identifier: str, data: Mapping[str, object]) -> str:
    """One message as text."""
    return f"event: {event}\nid: {identifier}\ndata: {json.dumps(data)}\n\n"
