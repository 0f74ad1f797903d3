"""What runs in an environment at this moment: its hosts are asked, no lease is taken, nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.engine import USUAL, Connecting, open_fleet
from cdconf.environments import provider_for

if TYPE_CHECKING:
    from cdconf.errors import CdconfError
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Project
    from cdconf.session import Session


@dataclass
class Running:
    """What hosts said.

    Attributes:
        releases: App -> release, None for no release -> the hosts that have it.
        errors: Host -> why it couldn't be asked.
    """

    releases: dict[str, dict[str | None, list[str]]] = field(default_factory=dict)
    errors: dict[str, CdconfError] = field(default_factory=dict)


def running(project: Project, environment: Environment, emit: Emit, connecting: Connecting = USUAL) -> Running:
    """Asks every host of an app; raises `ProviderError` when its provider doesn't answer."""
    apps = {host.name: project.apps_on(host) for host in environment.hosts.values()}
    wanted = [host for host in environment.hosts.values() if apps[host.name]]
    found = Running()
    if not wanted:
        return found
    provider = provider_for(project, environment)
    located = provider.locate(wanted)
    found.errors = {host.name: provider.absence(host) for host in wanted if host.name not in located}

    def ask(session: Session) -> dict[str, str | None]:
        documents = {app.name: app.document() for app in apps[session.host.name]}
        return {name: session.app_status(one)["linked"] or None for name, one in documents.items()}

    with open_fleet(project, environment, "environments", emit, connecting) as fleet:
        answers, errors = fleet.look(list(located.values()), ask).split()
    found.errors |= errors
    for host in wanted:
        for name, release in answers.get(host.name, {}).items():
            found.releases.setdefault(name, {}).setdefault(release, []).append(host.name)
    return found
