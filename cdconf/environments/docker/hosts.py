"""The docker provider: hosts as containers with systemd and sshd, a network for each environment."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cdconf.atomic import write_private
from cdconf.environments.docker import container as docker_container
from cdconf.environments.docker.boot import Boot
from cdconf.environments.docker.container import DockerPlace
from cdconf.environments.docker.failures import engine_errors
from cdconf.environments.docker.image import ensure_image, image_of, named_image, remove_unfinished
from cdconf.environments.docker.listing import DockerContainer, containers, engine
from cdconf.environments.docker.options import ROOTLESS, SYSTEMD_STOP, Engine, refuse_engine
from cdconf.environments.docker.owner import refuse_copied
from cdconf.environments.docker.ports import check_published
from cdconf.environments.docker.recipes import REPOSITORY, recipe_for
from cdconf.environments.docker.removal import remove_container, remove_network
from cdconf.environments.docker.sizes import resize
from cdconf.environments.keys import client_key
from cdconf.environments.provider import HostCounts
from cdconf.errors import NotMade, ProviderError, Unreachable
from cdconf.events import Emit, HostStep, Notice, Step
from cdconf.inventory import Ssh
from cdconf.inventory.provided_hosts import DEFAULT_OS
from cdconf.own_files import read_text

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Host, Project

T = TypeVar("T")
PATIENCE = 20  # seconds for one request about a host that boots; Ctrl-C may have to wait for it

_OFF = ("created", "exited", "dead", "removing")  # Docker's words for containers without processes


class DockerProvider:
    """See `Provider`. Everything is labelled with project, environment and checkout, and found by these.

    Attributes:
        snapshots: Host -> the image to make it from, in place of its system's.
    """

    def __init__(self, project: Project, environment: Environment) -> None:
        self.snapshots: dict[str, str] = {}
        self._project = project
        self._environment = environment
        self._root = project.home
        self._prefix = "-".join(_joined(part) for part in ("cdconf", project.name, environment.name))
        self._suffix = project.checkout
        self._labels = {
            "cdconf.project": project.name,
            "cdconf.environment": environment.name,
            "cdconf.checkout": project.checkout,
        }
        self._folder = project.data / "environments" / environment.name

    def _containers(self) -> dict[str, DockerContainer]:
        return {container.labels["cdconf.host"]: container for container in containers(self._labels)}

    @engine_errors()
    def ensure(self, hosts: Sequence[Host], emit: Emit) -> dict[str, Host]:
        found = self._containers()
        self._refuse(hosts, found)
        lacking = [host for host in hosts if not self._came_up(found.get(host.name))]
        if lacking:
            self._make(lacking, emit)
            found = self._containers()
        self._compare(hosts, found, emit)
        return self._located(hosts, found)

    def absent(self, hosts: Sequence[Host]) -> list[Host]:
        """The hosts that have no container yet."""
        found = self._containers()
        return [host for host in hosts if host.name not in found or found[host.name].state == "created"]

    def absence(self, host: Host) -> Unreachable:
        container = self._containers().get(host.name)
        hint = f"run `cdconf provision {self._environment.name}`"
        if container is None:
            return NotMade("the host doesn't exist", host=host.name, hint=hint)
        if container.state == "paused":
            hint = (
                f"`docker unpause {container.name}` wakes it, and so does `cdconf provision {self._environment.name}`"
            )
            return Unreachable("the host doesn't run: its container is paused", host=host.name, hint=hint)
        if container.running:
            message = "the host is cut off: its container is on no network that publishes its port"
            return Unreachable(message, host=host.name, hint=hint)
        return Unreachable(f"the host doesn't run: its container is {container.state}", host=host.name, hint=hint)

    def unused(self, hosts: Sequence[Host]) -> set[str]:
        found = self._containers()
        used = {
            name
            for name, container in found.items()
            if container.state not in _OFF
            and self._mark(container.id).is_file()  # one that's paused goes on when it's woken
        }
        return {host.name for host in hosts if host.name not in used}

    def _came_up(self, container: DockerContainer | None) -> bool:
        """Whether a container runs and did take logins; one that never came up isn't left as it is."""
        return (
            container is not None and container.running and 22 in container.ports and self._mark(container.id).is_file()
        )

    def _mark(self, container: str) -> Path:
        """The file that says that a container has come up since it was last started by a provision."""
        return self._folder / "up" / container

    def locate(self, hosts: Sequence[Host]) -> dict[str, Host]:
        return self._located(hosts, self._containers())

    def _located(self, hosts: Sequence[Host], found: dict[str, DockerContainer]) -> dict[str, Host]:
        running = {name: container for name, container in found.items() if container.running and 22 in container.ports}
        known = self._folder / "known_hosts"
        lines = [
            f"[127.0.0.1]:{container.ports[22]} {container.labels['cdconf.hostkey']}\n"
            for container in running.values()
        ]
        text = "".join(sorted(lines))
        if running and _text_of(known) != text:
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

    def _refuse(self, hosts: Sequence[Host], found: dict[str, DockerContainer]) -> None:
        """What can't be as hosts.yml says is told before anything is made."""
        refuse_copied(found.values(), self._root)
        key = self._folder / "id_ed25519"
        if any(one.state != "created" for one in found.values()) and not key.is_file():
            raise ProviderError(
                f"the key that the hosts of {self._environment.name} let in is gone: {key}",
                hint=f"`cdconf destroy {self._environment.name}` removes them with what's on them, and the next "
                "provision makes them anew",
            )
        for host in hosts:
            if host.image is None:
                recipe_for(host.os or DEFAULT_OS, host.file, host.line)
            container = found.get(host.name)
            if container is not None and container.state != "created":
                check_published(host, container.labels.get("cdconf.publish"), container.name, self._environment.name)

    def _compare(self, hosts: Sequence[Host], found: dict[str, DockerContainer], emit: Emit) -> None:
        """What hosts.yml says and what there is: brought in line, or told."""
        there = [host for host in hosts if host.name in found]
        for host in there:
            image = image_of(host.os or DEFAULT_OS, host.base, host.image)
            made_from = found[host.name].labels.get("cdconf.image", "")
            if made_from != image:
                alike = made_from.startswith(f"{REPOSITORY}:{host.os or DEFAULT_OS}-") and host.image is None
                what = "an older image" if alike else f"{made_from}, and hosts.yml wants {image}"
                emit(Notice(f"{host.name} was made from {what}; destroy and provision to renew it", warning=not alike))
        resize({found[host.name].id: host for host in there}, emit)

    def _make(self, lacking: Sequence[Host], emit: Emit) -> None:
        """Makes those that aren't there, starts those that don't run, and waits until all are up.

        Making is for one run at a time; see `ensure_hosts`. A run that's killed meanwhile leaves containers that were
        never started; these are made anew, since they may be incomplete.
        """
        client = engine()
        stop = threading.Event()
        found = self._containers()
        missing = self.absent(lacking)
        ids = {host.name: found[host.name].id for host in lacking if host not in missing}
        if missing:
            ids |= self._make_missing(client, missing, found, emit, stop)
        network = self._network(client)
        impatient = engine(PATIENCE)
        new = {host.name for host in missing}

        def boot(host: Host) -> None:
            mark = self._mark(ids[host.name])
            mark.unlink(missing_ok=True)
            Boot(impatient, ids[host.name], host, network, emit, stop).run(new=host.name in new)
            if not stop.is_set():
                mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                mark.touch(mode=0o600)

        _each(lacking, boot, stop)

    def _make_missing(
        self, client: Any, missing: Sequence[Host], found: dict[str, DockerContainer], emit: Emit, stop: threading.Event
    ) -> dict[str, str]:
        about = Engine.of(client.info())
        refuse_engine(about)
        examples = {_kind(host): host for host in missing}
        images = {kind: self.plain_image(client, host, emit) for kind, host in examples.items()}
        hosts = "1 host" if len(missing) == 1 else f"{len(missing)} hosts"
        emit(Step(f"making {hosts}: {', '.join(host.name for host in missing)}"))
        if about.rootless:
            emit(Notice(ROOTLESS))
        _, public = client_key(self._folder, f"cdconf {self._environment.name}")
        labels = {**self._labels, "cdconf.root": str(self._root)}
        place = DockerPlace(client, about, self._network(client), labels, public)

        def make(host: Host) -> str:
            emit(HostStep(host.name, "starting"))
            if host.name in found:
                remove_container(client, found[host.name].id)
            image, name = images[_kind(host)], self._name(host.name)
            return docker_container.make(place, host, name, image, stop_signal(host), self.snapshots.get(host.name))

        return dict(zip([host.name for host in missing], _each(missing, make, stop), strict=True))

    def plain_image(self, client: Any, host: Host, emit: Emit) -> str:
        """The image that a host is made from without a snapshot; it's pulled or made when the engine lacks it.

        Raises:
            ProviderError: It can't be had.
        """
        if host.image is not None:
            return named_image(client, host.image, emit)
        return ensure_image(client, host.os or DEFAULT_OS, emit, base=host.base)

    def _name(self, host: str) -> str:
        return f"{self._prefix}-{_joined(host)}-{self._suffix}"

    def _network(self, client: Any) -> str:
        """The environment's network, made when it isn't there; the engine finds names by any part of them.

        Raises:
            ProviderError: It can't be made.
        """
        from docker.errors import APIError

        name = f"{self._prefix}-{self._suffix}"
        try:
            if not any(one.name == name for one in client.networks.list(names=[name])):
                client.networks.create(name, driver="bridge", labels=self._labels, check_duplicate=True)
        except APIError as error:
            raise ProviderError(
                f"the network of {self._environment.name} can't be made: {error.explanation}",
                hint="an engine has addresses for about 30 networks: `docker network ls` and `cdconf environments` show"
                " which can go, and default-address-pools in its daemon.json gives it more",
            ) from error
        return name

    def standing(self) -> HostCounts:
        found = self._containers().values()
        oldest = min((container.created for container in found), default=None)
        return HostCounts(
            wanted=len(self._environment.hosts),
            made=len(found),
            running=sum(container.running for container in found),
            published={
                container.labels["cdconf.host"]: {
                    str(port): f"127.0.0.1:{at}" for port, at in container.ports.items() if port != 22
                }
                for container in found
            },
            created=datetime.fromtimestamp(oldest, UTC).isoformat() if oldest else None,
        )

    @engine_errors()
    def destroy(self, emit: Emit) -> list[str]:
        from cdconf.environments.docker.snapshot_builder import remove_builders

        client = engine()
        removed = []
        found = containers(self._labels)
        refuse_copied(found, self._root)
        for container in found:
            emit(Step(f"removing {container.labels['cdconf.host']}"))
            remove_container(client, container.id)
            removed.append(container.labels["cdconf.host"])
        filters = {"label": [f"{name}={value}" for name, value in self._labels.items()]}
        for network in client.networks.list(filters=filters):
            remove_network(network)
            removed.append(f"network {network.name}")
        remove_builders(client, self._project)
        if self._folder.is_dir():
            shutil.rmtree(self._folder)
        return removed


def _joined(part: str) -> str:
    """A part of a name that's joined by dashes: `a-b` of `c` mustn't be `a` of `b-c`."""
    return part.replace("-", "--")


def stop_signal(host: Host) -> str:
    """The signal by which a host's init shuts down."""
    return SYSTEMD_STOP if host.image else recipe_for(host.os or DEFAULT_OS).family.stop


def _kind(host: Host) -> tuple[str, str | None, str | None]:
    """Hosts of one kind are made from one image."""
    return (host.os or DEFAULT_OS, host.base, host.image)


def _each(hosts: Sequence[Host], work: Callable[[Host], T], stop: threading.Event) -> list[T]:
    """Does something for all hosts, several at once; the first error ends it."""
    pool = ThreadPoolExecutor(max_workers=min(16, len(hosts)))
    done = False
    try:
        results = list(pool.map(work, hosts))
        done = True
    finally:  # whether they are all done, one failed, or someone pressed Ctrl-C
        if not done:
            stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return results


@engine_errors()
def remove_images(emit: Emit) -> list[str]:
    """Removes all images that were built for hosts and aren't in use, and what unfinished builds have left."""
    from docker.errors import APIError

    client = engine()
    removed = []
    for image in client.images.list(name=REPOSITORY):
        for name in image.tags:
            try:
                client.images.remove(name)
            except APIError as error:
                emit(Notice(f"{name} stays: {error.explanation}", warning=True))
            else:
                removed.append(name)
    remove_unfinished(client)
    return removed


def _text_of(path: Path) -> str | None:
    """A file of known host keys as it is; None where it isn't one."""
    try:
        return read_text(path)
    except (OSError, ValueError):
        return None
