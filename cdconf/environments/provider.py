"""What a provider does, and which one an environment has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cdconf.errors import Unreachable
from cdconf.events import Emit

if TYPE_CHECKING:
    from cdconf.inventory import Host


@dataclass(frozen=True)
class HostCounts:
    """How an environment's hosts stand: how many there should be, how many there are, how many run.

    `published`: host -> port inside -> `address:port` on this machine.
    """

    wanted: int
    made: int
    running: int
    created: str | None = None
    published: dict[str, dict[str, str]] | None = None


class Provider(Protocol):
    """Makes an environment's hosts, or finds them."""

    def ensure(self, hosts: Sequence[Host], emit: Emit) -> dict[str, Host]:
        """Makes and starts what isn't there; returns the hosts with everything that ssh needs to reach them.

        Raises:
            ProviderError: They can't be made.
        """

    def locate(self, hosts: Sequence[Host]) -> dict[str, Host]:
        """Finds hosts and makes nothing; those that don't exist or don't run are left out."""

    def absence(self, host: Host) -> Unreachable:
        """Why a host that exists in the files isn't among those that `locate` found, and what to do about it."""

    def unused(self, hosts: Sequence[Host]) -> set[str]:
        """Those on which no run can be at work: they aren't there, are switched off, or never came up."""

    def standing(self) -> HostCounts:
        """How the environment stands."""

    def destroy(self, emit: Emit) -> list[str]:
        """Removes the hosts and all that belongs to them; returns what was removed."""
