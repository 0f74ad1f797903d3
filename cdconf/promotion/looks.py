"""What hosts' ledgers tell of the releases that they hold, and have held."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.agent.errors import Failed
from cdconf.agent.records import formats, ledger
from cdconf.errors import HostFailed
from cdconf.events import Emit, Notice
from cdconf.promotion.said import HeldPeriod
from cdconf.promotion.soaking import held_by

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import Host
    from cdconf.session import Session

Page = Mapping[str, Any]


@dataclass(frozen=True)
class LedgerLook:
    """What a host's ledger says of all apps, and by how many seconds its clock is ahead of this machine's."""

    pages: Mapping[str, Page]
    ahead: float = 0.0

    def current(self, app: str) -> str | None:
        """The archive of the release that the host holds, verified; None where that isn't so."""
        page = self.pages.get(app)
        if page is None or page["activating"] is not None or page["current"] not in page["verified"]:
            return None
        about = page["releases"].get(page["current"])
        return str(about["archive"]) if about is not None else None

    def archives(self, app: str) -> set[str]:
        """The archives of all releases that the ledger tells of."""
        return {event["archive"] for event in self._events(app) if "archive" in event}

    def periods(self, app: str, archive: str) -> list[HeldPeriod]:
        """When the host held a release, by this machine's clock."""
        now = time.time()
        found = held_by(self._events(app), archive, self.current(app) == archive, now + self.ahead)
        moved = [
            HeldPeriod(period.begins - self.ahead, min(period.ends - self.ahead, now), period.procedure)
            for period in found
        ]
        return [period for period in moved if 0 < period.begins < period.ends]

    def _events(self, app: str) -> list[Mapping[str, Any]]:
        page = self.pages.get(app)
        return list(page["events"]) if page is not None else []


def looks(fleet: Fleet, hosts: Sequence[Host], emit: Emit) -> dict[str, LedgerLook]:
    """What hosts remember, by name; one that doesn't answer, or says what no ledger holds, isn't among them."""

    def ask(session: Session) -> LedgerLook:
        told = session.history()
        try:
            pages = formats.decoded("its ledger", ledger.FILE, json.dumps(told["apps"]).encode())
        except (Failed, KeyError, TypeError, ValueError) as error:
            raise HostFailed(
                "its answer about its releases isn't one of cdconf's agent", host=session.host.name
            ) from error
        return LedgerLook(pages, session.clock_ahead or 0.0)

    found, errors = fleet.each(hosts, ask).split()
    for name, error in errors.items():
        emit(Notice(f"what {name} holds can't be told: {error.message}", warning=True))
    return dict(found)
