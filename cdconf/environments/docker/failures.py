"""What it means when the Docker engine doesn't answer, goes away in between, or refuses what nobody has foreseen."""

from __future__ import annotations

import http.client
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cdconf.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GARBAGE = (http.client.HTTPException, ValueError)  # whatever has answered isn't an engine


def no_engine(error: BaseException) -> ProviderError:
    """The error for an engine that doesn't answer, with what to do."""
    chain = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(below)  # the docker package and what it's built on each wrap what the one below has said
    root = chain[-1]
    if isinstance(root, PermissionError) or "Permission denied" in str(error):
        return ProviderError(
            "this user may not talk to the Docker engine", hint="run as root, or join the docker group"
        )
    why = (isinstance(root, OSError) and root.strerror) or str(root) or type(root).__name__
    if any(isinstance(one, _GARBAGE) for one in chain):
        why = "what answers isn't one"
    address = os.environ.get("DOCKER_HOST")
    if address:
        return ProviderError(
            f"no Docker engine answers at {address}: {why}",
            hint="DOCKER_HOST names it: start it, name another one, or unset DOCKER_HOST for this machine's own",
        )
    return ProviderError(
        f"no Docker engine answers: {why}",
        hint="install and start one: apt-get install docker.io, then `systemctl start docker`",
    )


def refused(answer: bytes) -> ProviderError:
    """The error for an answer of the engine that is its own error: `{"message": …}`, or anything."""
    try:
        said = json.loads(answer)["message"]
    except (ValueError, KeyError, TypeError):
        said = answer.decode("utf-8", "replace")[:200]
    return ProviderError(f"the Docker engine refused: {said}")


@contextmanager
def engine_errors() -> Iterator[None]:
    """Whatever comes of the engine within the block, or the function that this decorates, is a `ProviderError`.

    Raises:
        ProviderError: The engine has gone, or refused something.
    """
    try:
        yield
    except Exception as error:
        found = _explained(error)
        if found is None:
            raise
        raise found from error


def _explained(error: Exception) -> ProviderError | None:
    if not type(error).__module__.startswith(("docker.", "requests.", "urllib3.", "paramiko.")):
        return None  # these packages take a while to import, which is for those who have had an error of theirs
    from docker.errors import APIError

    if isinstance(error, APIError):
        return ProviderError(f"the Docker engine refused: {error.explanation or error}")
    return no_engine(error)
