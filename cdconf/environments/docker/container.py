"""One host's container: made with its keys, looked through before it starts, started."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.environments.docker.options import SYSTEMD_STOP, Engine, first_limits, limits, run_options
from cdconf.environments.docker.ports import explain_start, published
from cdconf.environments.keys import new_key
from cdconf.errors import ProviderError

if TYPE_CHECKING:
    from cdconf.inventory import Host

INIT = "/sbin/init"
_INITS = ("init", "systemd", "openrc-init")
_SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True)
class DockerPlace:
    """Where hosts are made: the engine, the environment's network, labels and client key (its public line)."""

    client: Any
    engine: Engine
    network: str
    labels: Mapping[str, str]
    public: str


def make(
    place: DockerPlace, host: Host, name: str, image: str, stop: str = SYSTEMD_STOP, snapshot: str | None = None
) -> str:
    """Makes a host's container and starts it; returns its id.

    A container is started once it's complete: one that never was isn't, whatever stopped the run that made it.

    Args:
        place: Where.
        host: The host.
        name: The container's name.
        image: Its image, which the engine has.
        stop: The signal by which its init shuts down.
        snapshot: An image made of that one, to start from in its place.

    Raises:
        ProviderError: It can't be made or started, or the image is none for a host.
    """
    from docker.errors import APIError

    client = place.client
    private, public = new_key(host.name)
    labels = {
        **place.labels,
        "cdconf.host": host.name,
        "cdconf.hostkey": " ".join(public.split()[:2]),
        "cdconf.image": image,
        "cdconf.publish": published(host),
    }
    command = init_of(client.images.get(image).attrs)
    fixed = dict(host.fixed_ports)
    endpoint = client.api.create_endpoint_config(aliases=[host.name])
    try:
        made = client.containers.create(
            snapshot or image,
            name=name,
            hostname=host.name,
            labels=labels,
            ports={f"{port}/tcp": ("127.0.0.1", fixed.get(port)) for port in {22, *host.publish}},
            network=place.network,
            networking_config=client.api.create_networking_config({place.network: endpoint})["EndpointsConfig"],
            **run_options(place.engine, command, stop),
            **first_limits(limits(host.size, place.engine)),
        )
    except APIError as error:
        raise ProviderError(f"the host can't be made: {error.explanation}", host=host.name) from error
    if host.image is not None:
        _look_through(made, host, command[0])
    made.put_archive("/", _archive(host, private, public, place.public))
    try:
        made.start()
    except APIError as error:
        raise explain_start(str(error.explanation), host) from error
    return str(made.id)


def init_of(image: Mapping[str, Any]) -> list[str]:
    """The init that an image names; /sbin/init when what it names is none."""
    config = image.get("Config") or {}
    command = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    named = bool(command) and str(command[0]).rpartition("/")[2] in _INITS
    return [str(word) for word in command] if named else [INIT]


def _look_through(container: Any, host: Host, init: str) -> None:
    """An image that the inventory names must have what makes a host: better told now than after a minute."""
    parts = {f"an init ({init})": init, f"an ssh server ({_SSHD})": _SSHD}
    missing = [what for what, path in parts.items() if not _has(container, path)]
    if missing:
        container.remove(force=True, v=True)
        raise ProviderError(
            f"the image {host.image} can't be a host: it has no {' and no '.join(one[3:] for one in missing)}",
            host=host.name,
            hint="`image` is used as it is; to have cdconf add what's missing, name it in `base_images` instead",
        )


def _has(container: Any, path: str) -> bool:
    from docker.errors import NotFound

    try:
        stream, _ = container.get_archive(path)
    except NotFound:
        return False
    stream.close()
    return True


def _archive(host: Host, private: str, public: str, login: str) -> bytes:
    """A tar of what's the host's own: its keys, and in a foreign image a machine id that's still to be made."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("root/.ssh")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        archive.addfile(folder)
        _add(archive, "root/.ssh/authorized_keys", login + "\n")
        _add(archive, "etc/ssh/ssh_host_ed25519_key", private)
        _add(archive, "etc/ssh/ssh_host_ed25519_key.pub", public + "\n")
        if host.image is not None:
            _add(archive, "etc/machine-id", "", 0o444)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, text: str, mode: int = 0o600) -> None:
    entry = tarfile.TarInfo(name)
    data = text.encode()
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))
