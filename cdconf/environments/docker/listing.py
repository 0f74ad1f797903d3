"""Lists containers over the engine's socket: a thirtieth of what importing the docker package takes."""

from __future__ import annotations

import http.client
import json
import os
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cdconf.environments.docker.failures import engine_errors, no_engine, refused

DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class DockerContainer:
    """A container of ours. `state` is Docker's word; `ports`: port inside -> port on 127.0.0.1."""

    id: str
    name: str
    state: str
    labels: dict[str, str]
    ports: dict[int, int]
    created: int

    @property
    def running(self) -> bool:
        """Whether its processes run."""
        return self.state == "running"


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def containers(labels: dict[str, str]) -> list[DockerContainer]:
    """All containers, running or not, that have the labels.

    Raises:
        ProviderError: No engine answers.
    """
    filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
    found = _get(f"/containers/json?all=1&filters={quote(json.dumps(filters))}")
    return [_container(entry) for entry in found]


def inspect(container: str) -> dict[str, Any]:
    """All that the engine knows of a container; nothing when it has gone.

    Raises:
        ProviderError: No engine answers.
    """
    found: dict[str, Any] = _get(f"/containers/{container}/json", missing={})
    return found


def about() -> dict[str, Any]:
    """What the engine says of itself and its machine (`GET /info`).

    Raises:
        ProviderError: No engine answers.
    """
    found: dict[str, Any] = _get("/info")
    return found


def _container(entry: dict[str, Any]) -> DockerContainer:
    return DockerContainer(
        id=entry["Id"],
        name=entry["Names"][0].lstrip("/"),
        state=entry["State"],
        labels=entry["Labels"],
        ports={port["PrivatePort"]: port["PublicPort"] for port in entry["Ports"] if port.get("PublicPort")},
        created=entry["Created"],
    )


def _get(path: str, missing: Any = None) -> Any:
    address = os.environ.get("DOCKER_HOST") or DEFAULT
    if not address.startswith("unix://"):
        return _through_package(path, missing)
    try:
        with closing(_SocketConnection(address.removeprefix("unix://"))) as connection:
            connection.request("GET", path)
            with closing(connection.getresponse()) as response:
                body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise no_engine(error) from error
    return _found(response.status, body, missing)


def _found(status: int, body: bytes, missing: Any) -> Any:
    """What an answer holds; `missing`, if that's given, where there's nothing of this name."""
    if status == 404 and missing is not None:
        return missing
    if status != 200:
        raise refused(body)
    try:
        return json.loads(body)
    except ValueError as error:
        raise no_engine(error) from error


@engine_errors()
def _through_package(path: str, missing: Any) -> Any:
    """For engines that aren't on a local socket (tcp, ssh), which the docker package knows how to reach."""
    api = engine().api  # a session of requests
    response = api.get(f"{api.base_url}/v{api.api_version}{path}", timeout=api.timeout)
    return _found(response.status_code, response.content, missing)


def engine(timeout: int = 120) -> Any:
    """The docker package's client.

    Args:
        timeout: Seconds after which a request that isn't answered fails.

    Raises:
        ProviderError: No engine answers.
    """
    import docker

    with engine_errors():
        client = docker.from_env(timeout=timeout)
        client.ping()
    return client
