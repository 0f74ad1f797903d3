"""Makes hosts, one run of this checkout at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdconf.environments.hold import hold
from cdconf.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdconf.environments.provider import Provider
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Host, Project


def ensure_hosts(
    project: Project, environment: Environment, provider: Provider, hosts: Sequence[Host], emit: Emit
) -> dict[str, Host]:
    """What the provider's `ensure` gives; see `Provider`. Of two runs that begin together, the second one waits.

    Raises:
        UsageError: It's a throw-away environment, and was destroyed while it was waited for.
        ProviderError: The hosts can't be made.
    """
    if environment.provider == "existing":
        return provider.ensure(hosts, emit)
    with hold(project, environment.name, "provision", emit):
        if environment.throwaway and environment.name not in project.throwaways():
            raise UsageError(f"the throw-away environment '{environment.name}' was destroyed meanwhile")
        return provider.ensure(hosts, emit)
