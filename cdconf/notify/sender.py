"""`python -m cdconf.notify.sender DATA PROJECT`: sends what waits in a project's outbox, and ends when nothing does.

There is one of a project at a time: it holds `sender.lock`, which ends with it. Its log is bounded.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdconf.errors import CdconfError
from cdconf.file_lock import held_if_free
from cdconf.notify.delivery import Delivery, request_of
from cdconf.notify.digest import PERIOD, NotBefore, Parcel, choose
from cdconf.notify.marks import MessageMarks
from cdconf.notify.outbox import FOLDER, Message, Outbox, outbox_if_any
from cdconf.notify.patience import Patience, is_due
from cdconf.notify.pings import Pings
from cdconf.notify.settings import Settings, read_settings

LOCK, LOG = "sender.lock", "sender.log"
LOG_SIZE = 64 * 1024  # bytes of the log, and as many of the one before it
_TICK = 0.05  # seconds between looks at what's on its way
_LOG = logging.getLogger("cdconf.notify")


@dataclass(frozen=True)
class OnItsWay:
    """A parcel that a process brings to its target."""

    parcel: Parcel
    delivery: Delivery


class Sender:
    """Sends what waits.

    Args:
        outbox: The outbox.
        project: The project's name.
        patience: How often something is tried.
        deliver: Starts the process that brings a message to its receiver.
        settings: Reads the operator's file.
    """

    def __init__(
        self,
        outbox: Outbox,
        project: str,
        patience: Patience | None = None,
        deliver: Callable[[Mapping[str, Any]], Delivery] = Delivery,
        settings: Callable[[], Settings | None] = read_settings,
    ) -> None:
        self._outbox = outbox
        self._project = project
        self._patience = patience or Patience()
        self._deliver = deliver
        self._settings = settings
        self._marks = MessageMarks(outbox, self._patience)
        self._pings = Pings(outbox, project, self._patience, deliver)
        self._running: dict[str, OnItsWay] = {}
        self._is_missing = False

    def drain(self, *, waits: bool = True) -> bool:
        """Sends until nothing waits any more; False: it can't, so that nobody needs to try again for now.

        Args:
            waits: Whether pauses are waited for; else only what may be tried now is.

        Raises:
            CdconfError: The outbox or the operator's file can't be used.
        """
        if count := self._marks.recover():
            _LOG.info("%d messages may have arrived before the last sender was killed", count)
        settings, read_at = Settings(), float("-inf")
        while self._outbox.path.exists():
            if time.monotonic() - read_at >= self._patience.look:
                settings, read_at = self._settings() or Settings(), time.monotonic()
            self._collect()
            self._drop(settings)
            may_go_on = not self._is_missing
            started = self._start(settings) if may_go_on else False
            pinging = self._pings.go_on(settings)
            if not self._running and not pinging and not started:
                if self._outbox.is_empty():
                    self._outbox.tidy()
                    return True
                if not waits or not (may_go_on or self._pings.are_waiting()):
                    return False
            time.sleep(_TICK if self._running or pinging else self._patience.look)
        return False

    def _collect(self) -> None:
        for name, way in list(self._running.items()):
            if way.delivery.is_over():
                outcome, why = way.delivery.result()
                del self._running[name]
                self._marks.end(way.parcel.ids, outcome, why)
                self._is_missing = self._is_missing or outcome == "missing"
                _LOG.info("%s: %s: %s%s", name, way.parcel.title, outcome, f": {why}" if why else "")

    def _drop(self, settings: Settings) -> None:
        """Gives up what's too old, or whose target is gone."""
        now = self._outbox.clock.here()
        dropped: list[tuple[Message, str]] = []
        for message in self._outbox.messages("waiting"):
            if message.target not in settings.targets:
                dropped.append((message, "notify.yml doesn't have this target any more"))
            elif now - message.created > self._patience.expires:
                last = f", at last: {message.why}" if message.why else ""
                dropped.append((message, f"it waited for {self._patience.expires / 86400:g} days{last}"))
        if dropped:
            with self._outbox.change():
                for message, why in dropped:
                    self._marks.give_up(message, why)
                    _LOG.info("%s: %s: given up: %s", message.target, message.title, why)

    def _start(self, settings: Settings) -> bool:
        """Starts what may go now, for each target one message at a time; whether there was any."""
        now = self._outbox.clock.here()
        pauses = dict(self._outbox.run("SELECT id, pause FROM message WHERE state = 'waiting'"))
        due: dict[str, list[Message]] = {}
        for message in self._outbox.messages("waiting"):
            if message.target not in self._running and is_due(message.next_at, float(pauses.get(message.id, 0.0)), now):
                due.setdefault(message.target, []).append(message)
        has_started = False
        for name, messages in due.items():
            parcel = choose(messages, self._delivered(name, now), now, self._project)
            if isinstance(parcel, Parcel):
                self._marks.begin(parcel.ids)
                delivery = self._deliver(request_of(parcel, settings.targets[name].url))
                self._running[name] = OnItsWay(parcel, delivery)
                has_started = True
            elif isinstance(parcel, NotBefore):
                _LOG.debug("%s waits for its digest", name)
        return has_started

    def _delivered(self, target: str, now: float) -> list[float]:
        self._outbox.run("DELETE FROM delivered WHERE at < ? OR at > ?", now - PERIOD, now)
        return [at for (at,) in self._outbox.run("SELECT at FROM delivered WHERE target = ?", target)]


def alone(folder: Path) -> AbstractContextManager[bool]:
    """Whether this is the only sender of an outbox, for as long as the block lasts.

    Args:
        folder: Where the outbox is.
    """
    return held_if_free(folder / LOCK)


def send(data: Path, project: str, patience: Patience | None = None) -> None:
    """Sends what waits, unless somebody else does; what's written down meanwhile, too.

    Args:
        data: The project's `.cdconf/`.
        project: The project's name.
        patience: How often something is tried.
    """
    outbox = outbox_if_any(data)
    while outbox is not None and outbox.path.exists():
        with alone(outbox.folder) as is_alone:
            if not is_alone or not Sender(outbox, project, patience).drain():
                return
        if outbox.is_empty():  # else it came after the last look, from a run that found this sender at work
            return


def main() -> None:
    """Sends what waits in the outbox of the directory that the command line names."""
    from logging.handlers import RotatingFileHandler

    os.umask(0o077)
    data, project = Path(sys.argv[1]), sys.argv[2]
    handler = RotatingFileHandler(data / FOLDER / LOG, maxBytes=LOG_SIZE, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.raiseExceptions = False  # a full disk: nobody reads stderr
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    try:
        send(data, project)
    except (CdconfError, OSError) as error:
        _LOG.info("ended: %s", error)


if __name__ == "__main__":
    main()
