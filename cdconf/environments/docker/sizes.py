"""Limits of hosts that are there: a size that was changed in the inventory is applied while the host runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cdconf.environments.docker.listing import about, engine, inspect
from cdconf.environments.docker.options import Engine, are_met, limits, limits_of, new_limits, unlimited
from cdconf.errors import ProviderError
from cdconf.events import Emit, Notice
from cdconf.inventory import Size

if TYPE_CHECKING:
    from cdconf.inventory import Host


def resize(hosts: Mapping[str, Host], emit: Emit) -> None:
    """Gives hosts the memory and processors that the inventory says, or all when it says nothing any more.

    Args:
        hosts: Container's id -> its host.
        emit: Gets what was changed, and a warning of what can't be limited here.

    Raises:
        ProviderError: The engine refuses, such as when a host uses more memory than it may have.
    """
    found = {container: limits_of(inspect(container)) for container in hosts}
    none = limits(Size(), Engine(1, "", False, 1))
    if all(host.size == Size() and found[container] == none for container, host in hosts.items()):
        return
    machine = Engine.of(about())
    for container, host in hosts.items():
        for what in unlimited(host.size, machine):
            emit(Notice(f"{host.name}: {what}", warning=True))
        wanted = limits(host.size, machine)
        if not are_met(wanted, found[container], machine):
            _update(container, host, new_limits(wanted, machine))
            emit(Notice(f"{host.name} has {host.size} now"))


def _update(container: str, host: Host, changed: Mapping[str, int]) -> None:
    from docker.errors import APIError

    try:
        engine().api.update_container(container, **changed)
    except APIError as error:
        raise ProviderError(
            f"can't be given {host.size}: {error.explanation}",
            host=host.name,
            file=host.file,
            line=host.line,
            hint="a host that needs more memory than that right now keeps what it has: stop something, or allow more",
        ) from error
