"""What each host is doing at the moment, from the stream of events: pure, the screen is drawn elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cdconf.events import Event, HostDone, HostStep, ResourceDone, ResourcesBegin, RunStarted, Step

LAST = "handlers"  # what runs when the last resource has ended


@dataclass(slots=True)
class _Host:
    since: float
    step: str = "waiting"
    ok: int = 0
    changed: int = 0
    done: bool = False
    ended: bool = False  # it was done once: what it's waited for in one step is over with that
    resources: Sequence[tuple[str, str]] = field(default=(), repr=False)
    place: int = 0  # of the resource that runs


class Busy(NamedTuple):
    """A host that's at work.

    Attributes:
        host: Its name.
        counts: How many resources were as they should be, and how many were changed.
        seconds: How long it has been at its step.
        step: What it does: `3/42 package nginx`.
    """

    host: str
    counts: tuple[int, int]
    seconds: float
    step: str


class Progress:
    """See the module.

    Args:
        clock: Gives seconds that only grow.

    Attributes:
        step: What the run as a whole does.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._hosts: dict[str, _Host] = {}
        self.step = ""

    @property
    def seconds(self) -> float:
        """For how long the run has been at work."""
        return self._clock() - self._began

    def note(self, event: Event) -> None:
        """Takes in what has happened."""
        if isinstance(event, RunStarted):
            self._hosts = {name: _Host(self._clock()) for name in event.hosts}
        elif isinstance(event, Step):
            self.step = event.message
            for one in self._hosts.values():
                one.done = one.ended
        elif isinstance(event, HostStep):
            self._does(self._host(event.host), event.message)
        elif isinstance(event, ResourcesBegin):
            host = self._host(event.host)
            host.resources, host.place = event.resources, 0
            self._does_next(host)
        elif isinstance(event, ResourceDone):
            self._resource(self._host(event.host), event)
        elif isinstance(event, HostDone):
            host = self._host(event.host)
            host.done = host.ended = True

    def busy(self) -> list[Busy]:
        """The hosts that are at work, in the order in which they were named."""
        now = self._clock()
        return [
            Busy(name, (host.ok, host.changed), now - host.since, host.step)
            for name, host in self._hosts.items()
            if not host.done
        ]

    def _host(self, name: str) -> _Host:
        return self._hosts.setdefault(name, _Host(self._clock()))

    def _does(self, host: _Host, step: str) -> None:
        host.step, host.since, host.done = step, self._clock(), False

    def _resource(self, host: _Host, event: ResourceDone) -> None:
        host.ok += event.status == "ok"
        host.changed += event.status in ("changed", "would_change") and event.waived is None
        names = itertools.islice(enumerate(host.resources), host.place, None)
        place = next((place for place, name in names if name == (event.type, event.title)), None)
        if place is not None:  # else it's a handler, an orphan, or a release
            host.place = place + 1
            self._does_next(host)

    def _does_next(self, host: _Host) -> None:
        """The agent applies resources in their order, so the one behind the last that ended is running."""
        total = len(host.resources)
        if host.place < total:
            kind, title = host.resources[host.place]
            self._does(host, f"{host.place + 1}/{total} {kind} {title}")
        elif total:
            self._does(host, LAST)
