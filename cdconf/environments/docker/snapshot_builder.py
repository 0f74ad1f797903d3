"""A builder: a throw-away container in which a snapshot's content is made.

It's no host of any environment. It never gets a secret, has no address that others know and no key that lets anybody
in: the agent reaches it through the engine.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from cdconf.catalog import portable
from cdconf.environments.docker import snapshot_scrub
from cdconf.environments.docker.removal import remove_container, remove_network
from cdconf.errors import ProviderError
from cdconf.events import ResourceDone
from cdconf.facts import NotedFacts
from cdconf.file_lock import held_if_free
from cdconf.inventory import Host

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.catalog import Compiler
    from cdconf.environments.docker.snapshot_kind import Kind
    from cdconf.inventory import Project
    from cdconf.session import Session
    from cdconf.session.answers import ResourceEvent

NAME = "snapshot"  # stands for the environment and the host, wherever the builder is asked for them
LABEL = "cdconf.builder"
_BOOT_LIMIT, _SCRUB_LIMIT = 60.0, 120  # seconds
_NEEDED = ("package", "repository")  # a snapshot without these would be slow for as long as it's used


class Builder:
    """One builder.

    Args:
        client: The docker package's client.
        kind: For which hosts it builds.
        image: What they're made from without a snapshot.
        name: The container's name.
        labels: The container's; the snapshot has them too, but for `LABEL`.
        options: How a host's container is started: keyword arguments of the docker package.

    Attributes:
        host: What sessions connect to.
    """

    def __init__(
        self, client: Any, kind: Kind, image: str, name: str, labels: dict[str, str], options: dict[str, Any]
    ) -> None:
        self.kind = kind
        self.host = Host(name=name, groups=kind.groups, os=kind.os, transport="docker", container=name)
        self._client = client
        self._image = image
        self._name = name
        self._labels = labels
        self._options = options
        self._managed: list[str] = []

    def start(self) -> None:
        """Makes the container and waits until it has booted.

        Raises:
            ProviderError: It doesn't boot.
        """
        config = self._client.images.get(self._image).attrs["Config"]
        self._starts = {"ENTRYPOINT": config.get("Entrypoint") or [], "CMD": config.get("Cmd") or []}
        words = self._options.get("command") or [*self._starts["ENTRYPOINT"], *self._starts["CMD"]]
        options = self._options | {"command": ["/bin/sh", "-c", snapshot_scrub.START, "sh", *words]}
        options.pop("entrypoint", None)
        if self._starts["ENTRYPOINT"]:
            options["entrypoint"] = [""]  # how the engine is told that there's none
        self._container = self._client.containers.create(
            self._image, name=self._name, hostname=NAME, labels=self._labels, **options
        )
        self._container.start()
        limit = time.monotonic() + _BOOT_LIMIT
        while self._state() not in ("running", "degraded"):
            if time.monotonic() > limit:
                raise ProviderError(f"its builder didn't boot within {_BOOT_LIMIT:g} s")
            time.sleep(0.3)

    def _state(self) -> str:
        _, output = self._container.exec_run(["timeout", "5", "systemctl", "is-system-running"])
        return str(output.decode("utf-8", "replace").strip())

    def converge(self, session: Session, compiler: Compiler, example: Host) -> None:
        """Makes what a snapshot may hold of a host's catalog.

        What can't be made here, because something that was left out is missing, is left out as well.

        Args:
            session: To this builder, leased.
            compiler: The environment's.
            example: One of the hosts.

        Raises:
            CdconfError: The catalog can't be compiled; a package can't be installed.
        """
        facts = NotedFacts(session.facts.mapping)
        whole = compiler.compile(example, facts.mapping)
        catalog = portable.portable(whole, compiler.types, self.kind.own, compiler.mask, facts_read=facts.read)
        # Neither name gets into the builder, not even for a moment.
        document = {"environment": NAME, "host": NAME}
        while True:
            failed: dict[str, ResourceDone] = {}

            def hear(event: ResourceEvent, failed: dict[str, ResourceDone] = failed) -> None:
                done = ResourceDone(host=NAME, **event)
                if done.status == "failed":
                    failed[f"{done.type}:{done.title}"] = done

            result = session.converge(catalog.document() | document, check=False, on_event=hear)
            if not result["failed"]:
                break
            _refuse(failed)
            catalog = portable.without(catalog, failed)
        types = compiler.types
        self._managed = [
            path for resource in catalog.resources for path in types[resource.type].managed_paths(resource.fields)
        ]

    def commit(self, repository: str, tag: str) -> None:
        """Stops everything in the container, scrubs it, and makes it an image.

        Raises:
            ProviderError: Something is left that hosts mustn't share.
        """
        self._container.stop(timeout=30)
        self._container.put_archive("/", snapshot_scrub.archive(self._managed))
        self._container.start()
        status = self._container.wait(timeout=_SCRUB_LIMIT)["StatusCode"]
        said = self._container.logs(stdout=True, stderr=True, tail=20).decode("utf-8", "replace").strip()
        if status == snapshot_scrub.REFUSED:
            found = [line for line in said.splitlines() if line.startswith("/")]
            message = "something has made private files there, which all hosts would share: " + ", ".join(found)
            raise ProviderError(message)
        if status != 0:
            raise ProviderError(f"its builder can't be scrubbed (exit status {status})", detail=said)
        starts = [f"{name} {json.dumps(words)}" for name, words in self._starts.items() if words]
        changes = [*starts, f"LABEL {LABEL}="]
        # In one request: an image without its name is never seen by others.
        self._container.commit(repository=repository, tag=tag, changes="\n".join(changes))

    def remove(self) -> None:
        """Removes the container, whatever state it's in; what isn't there is fine."""
        remove_container(self._client, self._name)


def _refuse(failed: dict[str, ResourceDone]) -> None:
    for done in failed.values():
        if done.type in _NEEDED:
            raise ProviderError(f"{done.type} '{done.title}' ({done.source}) failed", detail=done.message)
    if not failed:
        raise ProviderError("its builder can't be converged")


def builders_lock(project: Project) -> Path:
    """The lock of whoever makes snapshots in a checkout."""
    return project.data / "snapshots.lock"


def clear_builders(client: Any, project: Project) -> None:
    """Removes a checkout's builders; whoever calls this has the lock."""
    filters = {"label": f"{LABEL}={project.checkout}"}
    for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
        remove_container(client, container.id)
    for network in client.networks.list(filters=filters):
        remove_network(network)


def remove_builders(client: Any, project: Project) -> None:
    """Removes what a run that was killed has left of a checkout's builders, unless one is making snapshots now."""
    with held_if_free(builders_lock(project), ProviderError) as free:
        if free:
            clear_builders(client, project)
