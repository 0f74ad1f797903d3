"""What an environment's hosts remember, asked of all of them at once; takes no lease and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.drift import runs_of
from cdconf.engine import USUAL, Connecting, open_fleet
from cdconf.environments import provider_for
from cdconf.errors import CdconfError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.events import Emit
    from cdconf.inventory import Environment, Host, Project
    from cdconf.session import Session

Memories = dict[str, dict[str, Any]]
Errors = dict[str, CdconfError]


def memories(
    project: Project,
    environment: Environment,
    emit: Emit,
    connecting: Connecting = USUAL,
) -> tuple[Memories, Errors]:
    """Asks the hosts; those that a provider hasn't made here have nothing to tell.

    Returns:
        Host -> `{"apps", "provisions", "at_work"}`, see `cdconf.history.rebuild`; and why others can't be asked.
    """
    hosts = list(environment.hosts.values())
    try:
        provider = provider_for(project, environment)
        located = provider.locate(hosts)
        absent = [host for host in hosts if host.name not in located]
        missing: Sequence[Host] = absent if absent and provider.standing().made else ()
    except ProviderError as error:
        return {}, {host.name: error for host in hosts}
    errors: Errors = {host.name: provider.absence(host) for host in missing}
    with open_fleet(project, environment, "history", emit, connecting) as fleet:
        found, failed = fleet.look(list(located.values()), _ask).split()
    return found, errors | failed


def _ask(session: Session) -> dict[str, Any]:
    memory = session.history()
    return {**memory, "at_work": sorted(runs_of(session.lease))}
