"""What an environment's hosts have drained, by what those that drain them say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.inventory import Project
    from cdconf.session import Session
    from cdconf.session.answers import LeaseState


@dataclass
class Drained:
    """What was found.

    Attributes:
        pages: Host that drains -> app -> what its agent's `drain.status` says; without those that drain nothing.
        leases: Host -> who holds it, None for nobody.
    """

    pages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    leases: dict[str, LeaseState | None] = field(default_factory=dict)

    def take(self, session: Session, page: Mapping[str, Any]) -> None:
        """What a host says."""
        if page:
            self.pages[session.host.name] = page
        self.leases[session.host.name] = session.lease


def drains_on(session: Session, project: Project) -> dict[str, Any]:
    """What a host has drained: app -> what its agent's `drain.status` says, without apps for which it drains none."""
    apps = [app for app in project.apps.values() if app.drain is not None and app.drain.group in session.host.groups]
    pages = {app.name: session.drain_status(app.name) for app in apps}
    return {app: page for app, page in pages.items() if page["hosts"]}
