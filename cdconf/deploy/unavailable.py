"""Whether a batch may begin: `max_unavailable` of an app's hosts may be out of use at once, unwell ones included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cdconf.deploy.rollout import Failure
from cdconf.errors import CdconfError, Unreachable, first_line
from cdconf.events import Emit, HostStep
from cdconf.session import AgentError

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host
    from cdconf.session import Session


def most(limit: str | None, count: int) -> int | None:
    """How many of `count` hosts a limit allows: a percentage is rounded down, but is never 0; None: no limit."""
    if limit is None:
        return None
    return max(1, count * int(limit[:-1]) // 100) if limit.endswith("%") else int(limit)


def exceeds(batch: Sequence[str], unwell: Mapping[str, str], limit: int) -> bool:
    """Whether a batch would leave too few hosts in use.

    Args:
        batch: The hosts that are about to be changed.
        unwell: All the app's hosts that don't serve now, and why.
        limit: How many may be out of use.
    """
    if all(name in unwell for name in batch):
        return False  # nothing that serves is taken away: it can only become better
    return len({*batch, *unwell}) > limit


class Room:
    """Looks after an app's limit.

    Args:
        app: The app; it has a limit.
        fleet: Connected to its hosts.
        hosts: All of them.
        emit: The event stream.
        kept: Hosts that are kept out of use, however well they are now, and why.
    """

    def __init__(
        self, app: App, fleet: Fleet, hosts: Sequence[Host], emit: Emit, kept: Mapping[str, str] | None = None
    ) -> None:
        self._app = app
        self._fleet = fleet
        self._hosts = hosts
        self._emit = emit
        self._kept = kept if kept is not None else {}
        self.limit = most(app.max_unavailable, len(hosts)) or len(hosts)

    def unwell(self) -> dict[str, str]:
        """The app's hosts that don't serve it now, or are silent, and why, in one line each."""
        return self._looked()[0]

    def _looked(self) -> tuple[dict[str, str], dict[str, CdconfError]]:
        """The same, and the errors of those that couldn't be asked."""
        problems, errors = self._fleet.each(self._fleet.connected(self._hosts), self._look).split()
        found = {name: problem for name, problem in problems.items() if problem is not None}
        found |= {name: first_line(error.message) for name, error in errors.items()}
        silent = {host.name: "not connected" for host in self._hosts if host.name not in self._fleet.sessions}
        kept = {
            host.name: f"kept out of use: {self._kept[host.name]}" for host in self._hosts if host.name in self._kept
        }
        return kept | silent | found, errors

    def _look(self, session: Session) -> str | None:
        self._emit(HostStep(session.host.name, "looking whether it's well"))
        page = session.app_status(self._app.document())
        if page["linked"] is None:
            return "no release"
        if page["problem"] is not None:
            return str(page["problem"])
        if self._app.health is not None:
            try:
                session.app_check_health(check=self._app.health.as_check(), within=0)
            except AgentError as error:
                return first_line(error.message)
        return None

    def first_the_unwell(self, hosts: Sequence[Host]) -> list[Host]:
        """The same hosts, those first that are unwell: to change them costs nothing, and may heal them."""
        unwell = self.unwell()
        return sorted(hosts, key=lambda host: host.name not in unwell)

    def refusal(self, batch: Sequence[str]) -> dict[str, Failure]:
        """Why a batch mustn't begin: hosts that fell silent, or, under its first host's name, that there's no room."""
        unwell, errors = self._looked()
        lost = {name: error for name, error in errors.items() if isinstance(error, Unreachable)}
        if lost:
            return {name: Failure(error.message, verdict=False, unreachable=True) for name, error in lost.items()}
        if not exceeds(batch, unwell, self.limit):
            return {}
        others = [f"{name} ({why})" for name, why in unwell.items() if name not in batch]
        count = len({*batch, *unwell})
        message = (
            f"batch {', '.join(batch)} isn't begun: {count} of {len(self._hosts)} hosts of '{self._app.name}' would be "
            f"out of use, and max_unavailable allows {self.limit}; out of use already: {', '.join(others) or 'none'}"
        )
        return {batch[0]: Failure(message, verdict=False)}
