"""What Vagrant's docker provider leaves to others: the image of the hosts, and what an interrupted run has left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cdconf.environments.docker import image as docker_image
from cdconf.environments.docker.failures import engine_errors
from cdconf.environments.docker.listing import DockerContainer, containers, engine
from cdconf.environments.docker.removal import remove_container, remove_network
from cdconf.inventory.provided_hosts import DEFAULT_OS

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.environments.vagrant.state import MadeMachine
    from cdconf.events import Emit
    from cdconf.inventory import Host

_HOST = "cdconf.vagrant.host"


def labels(root: Path, environment: str) -> dict[str, str]:
    """The labels that the Vagrantfile gives to an environment's containers and network."""
    return {
        "cdconf.vagrant": hashlib.sha256(str(root).encode()).hexdigest()[:8],
        "cdconf.vagrant.environment": environment,
    }


@engine_errors()
def prepare(new: Sequence[Host], emit: Emit) -> None:
    """Brings about the images of hosts that will be made, under the names that the Vagrantfile uses."""
    for image in {host.image for host in new if host.image}:
        docker_image.named_image(engine(), image, emit)
    for os, base in {(host.os or DEFAULT_OS, host.base) for host in new if not host.image}:
        client = engine()
        name = docker_image.ensure_image(client, os, emit, base=base)
        client.images.get(name).tag(name.partition(":")[0], os)


@engine_errors()
def sweep(root: Path, environment: str, made: Mapping[str, MadeMachine]) -> None:
    """Removes the containers of runs that ended between making one and writing its id down.

    Args:
        root: The project's root.
        environment: The environment's name.
        made: The machines that were just brought up: of these, no other run of Vagrant is making a container now.
    """
    ids = {host: machine.id for host, machine in made.items()}
    found = containers(labels(root, environment))
    _remove(
        [container for container in found if container.id != ids.get(container.labels.get(_HOST, ""), container.id)]
    )


@engine_errors()
def remove_all(root: Path, environment: str) -> list[str]:
    """Removes the containers and the network that `vagrant destroy` didn't know of; returns what was removed."""
    found = containers(labels(root, environment))
    _remove(found)
    wanted = {"label": [f"{name}={value}" for name, value in labels(root, environment).items()]}
    removed = [f"container {container.name}" for container in found]
    for network in engine().networks.list(filters=wanted):
        remove_network(network)
        removed.append(f"network {network.name}")
    return removed


def _remove(found: Sequence[DockerContainer]) -> None:
    client = engine() if found else None
    for container in found:
        remove_container(client, container.id)


def published(made: Mapping[str, MadeMachine]) -> dict[str, dict[str, str]]:
    """Host -> port inside -> `address:port` on this machine."""
    ports = {container.id: container.ports for container in containers({})}
    return {
        host: {str(port): f"127.0.0.1:{at}" for port, at in ports.get(machine.id, {}).items() if port != 22}
        for host, machine in made.items()
    }
