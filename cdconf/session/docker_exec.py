"""`docker exec` as a transport: what the docker client says about the container isn't the agent's failure."""

from __future__ import annotations

import contextlib
import resource

from cdconf.session.transport import PipeTransport, TransportClosed

_NOT_THERE = ("No such container", "is not running", "is paused", "Cannot connect to the Docker daemon")

_STDERR = 16 * 1024 * 1024  # bytes


class DockerTransport(PipeTransport):
    """See `Transport`.

    Args:
        container: The container's name or id.
        words: The command that is run in it.
    """

    def __init__(self, container: str, words: list[str]) -> None:
        super().__init__(["docker", "exec", "-i", "--", container, *words])
        with contextlib.suppress(OSError, ValueError):  # what the container writes to stderr lands in a file here
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (_STDERR, _STDERR))

    def read(self, limit: int, timeout: float) -> bytes:
        """See `Transport`.

        Raises:
            TransportClosed: There's no such container, or it doesn't run.
            TransportSilent: See `Transport`.
        """
        data = super().read(limit, timeout)
        if not data:
            words = self.last_words()
            if any(one in words for one in _NOT_THERE):
                raise TransportClosed(words.splitlines()[-1].removeprefix("Error response from daemon: "))
        return data
