"""Hosts that exist on their own: nothing to make, nothing to remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdconf.environments.provider import HostCounts
from cdconf.errors import ProviderError, Unreachable
from cdconf.events import Emit

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Host


class ExistingProvider:
    """See `Provider`."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def ensure(self, hosts: Sequence[Host], emit: Emit) -> dict[str, Host]:
        return self.locate(hosts)

    def locate(self, hosts: Sequence[Host]) -> dict[str, Host]:
        return {host.name: host for host in hosts}

    def absence(self, host: Host) -> Unreachable:
        return Unreachable("the host isn't there", host=host.name)

    def unused(self, hosts: Sequence[Host]) -> set[str]:
        return set()

    def standing(self) -> HostCounts:
        count = len(self._environment.hosts)
        return HostCounts(count, count, count)

    def destroy(self, emit: Emit) -> list[str]:
        raise ProviderError(
            f"the hosts of {self._environment.name} weren't made by cdconf, so it doesn't remove them",
            hint="its provider is `existing`; only hosts of docker and vagrant can be destroyed",
        )
