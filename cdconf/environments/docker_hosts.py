"""The docker provider: hosts as containers with systemd and sshd, a network for each environment."""

from __future__ import annotations

import dataclasses
import io
import shutil
import tarfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.environments import docker_image
from cdconf.environments.docker_boot import Boot
from cdconf.environments.docker_listing import Container, containers, engine
from cdconf.environments.keys import client_key, new_key
from cdconf.environments.provider import Standing
from cdconf.errors import ProviderError, Unreachable
from cdconf.events import Emit, HostStep, Notice, Step
from cdconf.inventory import Ssh
from cdconf.secrets.store import write_private

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Host, Project

DEFAULT_OS = "debian-12"
PATIENCE = 20  # seconds for one request about a host that boots; Ctrl-C may have to wait for it
# systemd needs its own cgroups, mounts and namespaces; --privileged would give the container the whole machine.
RUN_OPTIONS: dict[str, Any] = {
    "cap_add": ["SYS_ADMIN", "NET_ADMIN"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "tmpfs": {"/run": "", "/run/lock": ""},
    "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"],
    "cgroupns": "host",
    "stop_signal": "SIGRTMIN+3",  # how systemd is asked to shut down
}


class DockerProvider:
    """See `Provider`. Everything is labelled with project, environment and checkout, and found by these.

    Attributes:
        snapshots: Host -> the image to make it from, in place of its system's.
    """

    def __init__(self, project: Project, environment: Environment) -> None:
        self.snapshots: dict[str, str] = {}
        self._environment = environment
        self._prefix = f"cdconf-{project.name}-{environment.name}"
        self._suffix = project.checkout
        self._labels = {
            "cdconf.project": project.name,
            "cdconf.environment": environment.name,
            "cdconf.checkout": project.checkout,
        }
        self._folder = project.data / "environments" / environment.name

    def _containers(self) -> dict[str, Container]:
        return {one.labels["cdconf.host"]: one for one in containers(self._labels)}

    def ensure(self, hosts: Sequence[Host], emit: Emit) -> dict[str, Host]:
        found = self._containers()
        lacking = [host for host in hosts if not self._came_up(found.get(host.name))]
        if lacking:
            self._make(lacking, found, emit)
            found = self._containers()
        self._note_recipes(hosts, found, emit)
        return self._located(hosts, found)

    def absent(self, hosts: Sequence[Host]) -> list[Host]:
        """The hosts that have no container yet."""
        found = self._containers()
        return [host for host in hosts if host.name not in found or found[host.name].state == "created"]

    def plain_image(self, client: Any, host: Host, emit: Emit) -> str:
        """The image that a host is made from without a snapshot; it's made when the engine lacks it.

        Raises:
            ProviderError: It can't be made.
        """
        return docker_image.ensure_image(client, host.os or DEFAULT_OS, emit)

    def absence(self, host: Host) -> Unreachable:
        one = self._containers().get(host.name)
        hint = f"run `cdconf provision {self._environment.name}`"
        if one is None:
            return Unreachable("the host doesn't exist", host=host.name, hint=hint)
        if one.state == "paused":
            hint = f"`docker unpause {one.name}` wakes it, and so does `cdconf provision {self._environment.name}`"
            return Unreachable("the host doesn't run: its container is paused", host=host.name, hint=hint)
        if one.running:
            message = "the host is cut off: its container is on no network that publishes its port"
            return Unreachable(message, host=host.name, hint=hint)
        return Unreachable(f"the host doesn't run: its container is {one.state}", host=host.name, hint=hint)

    def _came_up(self, one: Container | None) -> bool:
        """Whether a container runs and did take logins; one that never came up isn't left as it is."""
        return one is not None and one.running and 22 in one.ports and self._mark(one.id).is_file()

    def _mark(self, container: str) -> Path:
        """The file that says that a container has come up since it was last started by a provision."""
        return self._folder / "up" / container

    def locate(self, hosts: Sequence[Host]) -> dict[str, Host]:
        return self._located(hosts, self._containers())

    def _located(self, hosts: Sequence[Host], found: dict[str, Container]) -> dict[str, Host]:
        running = {name: one for name, one in found.items() if one.running and 22 in one.ports}
        known = self._folder / "known_hosts"
        lines = [f"[127.0.0.1]:{one.ports[22]} {one.labels['cdconf.hostkey']}\n" for one in running.values()]
        text = "".join(sorted(lines))
        if running and (not known.is_file() or known.read_text(encoding="utf-8") != text):
            write_private(known, text)
        return {
            host.name: dataclasses.replace(
                host,
                ssh=Ssh(
                    address="127.0.0.1",
                    port=running[host.name].ports[22],
                    user="root",
                    identity_file=str(self._folder / "id_ed25519"),
                    known_hosts=str(known),
                ),
            )
            for host in hosts
            if host.name in running
        }

    def _note_recipes(self, hosts: Sequence[Host], found: dict[str, Container], emit: Emit) -> None:
        for host in hosts:
            image = docker_image.tag(host.os or DEFAULT_OS)
            if found[host.name].labels.get("cdconf.image") != image:
                emit(Notice(f"{host.name} was made from an older image; destroy and provision to renew it"))

    def _make(self, lacking: Sequence[Host], found: dict[str, Container], emit: Emit) -> None:
        client = engine()
        _, public = client_key(self._folder, f"cdconf {self._environment.name}")
        images = {os: docker_image.ensure_image(client, os, emit) for os in {host.os or DEFAULT_OS for host in lacking}}
        emit(Step(f"making {len(lacking)} hosts: {', '.join(host.name for host in lacking)}"))
        network = self._network(client)
        impatient = engine(PATIENCE)

        stop = threading.Event()

        def make(host: Host) -> None:
            emit(HostStep(host.name, "starting"))
            made = found.get(host.name)
            if made is not None and made.state == "created":  # never started: an earlier run ended half-way
                client.containers.get(made.id).remove(force=True, v=True)
                made = None
            if made is None:
                self._create(client, host, images[host.os or DEFAULT_OS], network, public)
            self._boot(impatient, host, network, emit, stop)

        pool = ThreadPoolExecutor(max_workers=min(16, len(lacking)))
        try:
            list(pool.map(make, lacking))
        finally:  # whether they are all up, one failed, or someone pressed Ctrl-C
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _boot(self, client: Any, host: Host, network: str, emit: Emit, stop: threading.Event) -> None:
        name = self._name(host.name)
        mark = self._mark(client.containers.get(name).id)
        mark.unlink(missing_ok=True)
        Boot(client, name, host.name, network, emit, stop).run()
        if not stop.is_set():
            mark.parent.mkdir(mode=0o700, exist_ok=True)
            mark.touch(mode=0o600)

    def _name(self, host: str) -> str:
        return f"{self._prefix}-{host}-{self._suffix}"

    def _network(self, client: Any) -> str:
        name = f"{self._prefix}-{self._suffix}"
        if not client.networks.list(names=[name]):
            client.networks.create(name, driver="bridge", labels=self._labels, check_duplicate=True)
        return name

    def _create(self, client: Any, host: Host, image: str, network: str, public: str) -> None:
        from docker.errors import APIError

        private, host_key = new_key(host.name)
        labels = {
            **self._labels,
            "cdconf.host": host.name,
            "cdconf.hostkey": " ".join(host_key.split()[:2]),
            "cdconf.image": image,
        }
        networking = client.api.create_networking_config(
            {network: client.api.create_endpoint_config(aliases=[host.name])}
        )
        ports = dict.fromkeys((f"{port}/tcp" for port in (22, *host.publish)), ("127.0.0.1", None))
        try:
            made = client.containers.create(
                self.snapshots.get(host.name, image),
                name=self._name(host.name),
                hostname=host.name,
                labels=labels,
                ports=ports,
                network=network,
                networking_config=networking["EndpointsConfig"],
                **RUN_OPTIONS,
            )
        except APIError as error:
            raise ProviderError(f"the host can't be made: {error.explanation}", host=host.name) from error
        made.put_archive(
            "/",
            _archive(
                {
                    "root/.ssh/authorized_keys": public + "\n",
                    "etc/ssh/ssh_host_ed25519_key": private,
                    "etc/ssh/ssh_host_ed25519_key.pub": host_key + "\n",
                }
            ),
        )

    def standing(self) -> Standing:
        found = self._containers().values()
        oldest = min((one.created for one in found), default=None)
        return Standing(
            wanted=len(self._environment.hosts),
            made=len(found),
            running=sum(one.running for one in found),
            published={
                one.labels["cdconf.host"]: {
                    str(port): f"127.0.0.1:{at}" for port, at in one.ports.items() if port != 22
                }
                for one in found
            },
            created=datetime.fromtimestamp(oldest, UTC).isoformat() if oldest else None,
        )

    def destroy(self, emit: Emit) -> list[str]:
        client = engine()
        removed = []
        filters = {"label": [f"{name}={value}" for name, value in self._labels.items()]}
        for container in client.containers.list(all=True, filters=filters):
            emit(Step(f"removing {container.labels['cdconf.host']}"))
            removed.append(container.labels["cdconf.host"])
            if container.status == "paused":
                container.unpause()  # with cgroups v1, what is frozen can't be killed, and the engine waits for ever
            container.remove(force=True, v=True)
        for network in client.networks.list(filters=filters):
            removed.append(f"network {network.name}")
            network.remove()
        if self._folder.is_dir():
            shutil.rmtree(self._folder)
        return removed


def _archive(contents: dict[str, str]) -> bytes:
    """A tar of root's private files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("root/.ssh")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        archive.addfile(folder)
        for name, text in contents.items():
            entry = tarfile.TarInfo(name)
            data = text.encode()
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def remove_images(emit: Emit) -> list[str]:
    """Removes all images that were built for hosts and aren't in use."""
    from docker.errors import APIError

    client = engine()
    removed = []
    for image in client.images.list(name=docker_image.REPOSITORY):
        for name in image.tags:
            try:
                client.images.remove(name)
            except APIError as error:
                emit(Notice(f"{name} stays: {error.explanation}", warning=True))
            else:
                removed.append(name)
    return removed
