"""Removes containers and networks, whatever state they are in and whoever else is at it."""

from __future__ import annotations

import time
from typing import Any

from cdconf.errors import ProviderError

_PATIENCE = 30.0  # seconds for a removal that's under way already: an earlier run asked for it, and was killed


def remove_container(client: Any, container: str) -> None:
    """Removes a container with its anonymous volumes; one that has gone already is no error.

    Raises:
        ProviderError: The engine can't remove it.
    """
    from docker.errors import APIError, NotFound

    end = time.monotonic() + _PATIENCE
    while True:
        try:
            found = client.containers.get(container)
            if found.status == "paused":
                found.unpause()  # with cgroups v1, what is frozen can't be killed, and the engine waits for ever
            found.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if "already in progress" not in str(error.explanation) or time.monotonic() > end:
                raise ProviderError(f"the container {container[:12]} can't be removed: {error.explanation}") from error
            time.sleep(0.2)
        else:
            return


def remove_network(network: Any) -> None:
    """Removes a network; one that has gone already is no error.

    Raises:
        ProviderError: Something is still on it.
    """
    from docker.errors import APIError, NotFound

    try:
        network.remove()
    except NotFound:
        return
    except APIError as error:
        raise ProviderError(
            f"the network {network.name} can't be removed: {error.explanation}",
            hint=f"`docker network inspect {network.name}` says what else is on it",
        ) from error
