"""What an environment's hosts have drained, by what those that drain them say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError

if TYPE_CHECKING:
    from cdconf.engine import Fleet
    from cdconf.inventory import Host, Project
    from cdconf.session import Session
    from cdconf.session.answers import Lease


@dataclass
class Drained:
    """What was found.

    Attributes:
        pages: Host that drains -> app -> what its agent's `drain.status` says; without those that drain nothing.
        leases: Host -> who holds it, None for nobody.
    """

    pages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    leases: dict[str, Lease | None] = field(default_factory=dict)

    def look(self, project: Project, fleet: Fleet, hosts: Sequence[Host]) -> dict[str, CdconfError]:
        """Asks those of the hosts that are connected; returns the errors of those that can't be asked."""
        pages, errors = fleet.each(fleet.connected(hosts), lambda session: drains_on(session, project)).split()
        self.pages = {name: page for name, page in pages.items() if page}
        self.leases = {name: session.lease for name, session in fleet.sessions.items()}
        return errors


def drains_on(session: Session, project: Project) -> dict[str, Any]:
    """What a host has drained: app -> what its agent's `drain.status` says, without apps for which it drains none."""
    apps = [app for app in project.apps.values() if app.drain is not None and app.drain.group in session.host.groups]
    pages = {app.name: session.drain_status(app.name) for app in apps}
    return {app: page for app, page in pages.items() if page["hosts"]}
