"""Dead man's pings on their way. A late one would tell that all is well when nobody knows: it's tried for minutes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from cdconf.notify.delivery import Delivery
from cdconf.notify.outbox import Outbox
from cdconf.notify.patience import Patience, is_due
from cdconf.notify.settings import Settings

_LOG = logging.getLogger("cdconf.notify")
Row = tuple[str, float, int, float]  # environment, created, attempts, next_at


class Pings:
    """Sends the pings that wait. For the arguments see `sender.Sender`."""

    def __init__(
        self, outbox: Outbox, project: str, patience: Patience, deliver: Callable[[Mapping[str, Any]], Delivery]
    ) -> None:
        self._outbox = outbox
        self._project = project
        self._patience = patience
        self._deliver = deliver
        self._running: dict[str, tuple[Row, Delivery]] = {}

    def are_waiting(self) -> bool:
        """Whether there are any."""
        return bool(self._rows())

    def _rows(self) -> list[Row]:
        return [(str(a), b, c, d) for a, b, c, d in self._outbox.run("SELECT * FROM ping ORDER BY environment")]

    def go_on(self, settings: Settings) -> bool:
        """Takes what has ended, and starts what may go; whether any is on its way."""
        for environment, (row, delivery) in list(self._running.items()):
            if delivery.is_over():
                del self._running[environment]
                self._note(row, *delivery.result())
        now = self._outbox.clock.here()
        for row in self._rows():
            environment, created, attempts, next_at = row
            found = settings.ping_of(self._project, environment)
            if found is None or abs(now - created) > self._patience.ping_expires:
                self._forget(row)
            elif environment not in self._running and is_due(next_at, self._pause(attempts - 1), now):
                self._running[environment] = row, self._deliver({"ping": found.url})
        return bool(self._running)

    def _pause(self, attempts: int) -> float:
        return self._patience.ping[attempts] if 0 <= attempts < len(self._patience.ping) else 0.0

    def _note(self, row: Row, outcome: str, why: str) -> None:
        environment, created, attempts, _ = row
        _LOG.info("ping of %s: %s%s", environment, outcome, f": {why}" if why else "")
        if outcome == "sent" or attempts >= len(self._patience.ping):
            self._forget(row)
            return
        self._outbox.run(
            "UPDATE ping SET attempts = ?, next_at = ? WHERE environment = ? AND created = ?",
            *(attempts + 1, self._outbox.clock.here() + self._pause(attempts), environment, created),
        )

    def _forget(self, row: Row) -> None:
        """Unless a newer one has taken its place."""
        self._outbox.run("DELETE FROM ping WHERE environment = ? AND created = ?", row[0], row[1])
