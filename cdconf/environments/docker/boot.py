"""Brings a host's container up until it takes logins, and says why when it doesn't come up."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdconf.environments.docker.ports import explain_start
from cdconf.errors import ProviderError
from cdconf.events import Emit, HostStep

if TYPE_CHECKING:
    from cdconf.inventory import Host

BOOT_LIMIT = 60.0
SILENT = 10.0  # seconds after which a container that ran before, and in which systemd does nothing, is restarted
LOOK = 1.0  # seconds between two looks at systemd while ssh doesn't answer: each takes a tenth of a processor's second
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_ENOUGH = 1024
_NO_INOTIFY = ("Failed to create inotify object", "Failed to allocate notification", "Too many open files")
# OpenRC says when it's on its way; of an init that says nothing, the ssh server's answer must be enough.
STATE = """
if command -v systemctl >/dev/null 2>&1; then exec timeout 5 systemctl is-system-running; fi
if ! command -v openrc >/dev/null 2>&1; then echo running
elif [ ! -e /run/openrc/softlevel ] || [ -e /run/openrc/rc.starting ]; then echo starting
else echo running; fi
"""
_UP, _COMING = ("running", "degraded"), ("initializing", "starting")


class Boot:
    """One host's way up.

    Args:
        client: The docker package's client; what it asks of a container that hangs should time out soon.
        container: The container's name or id.
        host: The host.
        network: The network that it belongs to.
        emit: Gets the host's steps.
        stop: Once set, nothing is waited for any more.
    """

    def __init__(
        self, client: Any, container: str, host: Host, network: str, emit: Emit, stop: threading.Event
    ) -> None:
        self._client = client
        self._container = client.containers.get(container)
        self._spec = host
        self._host = host.name
        self._network = network
        self._emit = emit
        self._stop = stop

    def run(self, *, new: bool = False) -> None:
        """Starts, unpauses, reconnects, or restarts what is frozen, as it takes; returns when the host is up.

        Args:
            new: Whether this run has just made it: it gets all the time that there is.

        Raises:
            ProviderError: It doesn't come up.
        """
        from docker.errors import APIError

        ran_before = self._container.status == "running" and not new
        try:
            if self._container.status == "paused":
                self._container.unpause()
            self._reconnect()
            self._container.start()  # does nothing where it runs
        except APIError as error:
            raise explain_start(str(error.explanation), self._spec) from error
        self._emit(HostStep(self._host, "booting"))
        limit = SILENT if ran_before else BOOT_LIMIT
        up = self._wait(limit)
        if not up and ran_before and self._state() not in _UP:
            self._restart()
            limit = BOOT_LIMIT
            up = self._wait(limit)
        if not up:
            raise self._failed(limit)
        self._emit(HostStep(self._host, "up"))

    def _restart(self) -> None:
        from docker.errors import APIError

        self._emit(HostStep(self._host, "restarting, since it never came up"))
        try:
            self._container.restart(timeout=5)
        except APIError as error:
            raise self._error(f"the host can't be restarted: {error.explanation}") from error

    def _reconnect(self) -> None:
        """A container that was cut off from its network is on it again."""
        if not self._container.attrs["NetworkSettings"]["Networks"]:
            self._client.networks.get(self._network).connect(self._container, aliases=[self._host])

    def _wait(self, limit: float) -> bool:
        """Waits until the host is up; longer than `limit` only while systemd says that it's coming."""
        begin = looked = time.monotonic()
        state = ""
        while not self._stop.is_set():
            greets = self._greets()
            now = time.monotonic()
            if greets or now - looked >= LOOK:
                state, looked = self._state(), now
            if greets and state in _UP:
                return True
            passed = now - begin
            if self._container.status != "running" or passed > BOOT_LIMIT or (passed > limit and state not in _COMING):
                return False
            self._stop.wait(0.1)
        return True  # whoever set it doesn't want to know

    def _greets(self) -> bool:
        """Whether the ssh server answers, which costs next to nothing to find out."""
        from docker.errors import APIError

        try:
            self._container.reload()
        except (APIError, OSError):
            return False
        return answers(self._port())

    def _state(self) -> str:
        """What the init says of itself, in systemd's words; an empty text when nothing answers."""
        from docker.errors import APIError

        try:
            self._container.reload()
            _, output = self._container.exec_run(["/bin/sh", "-c", STATE])
        except (APIError, OSError):  # it has ended, is frozen, or hangs (a RequestException is an OSError)
            return ""
        return str(output.decode("utf-8", "replace").strip())

    def _port(self) -> int:
        """Where the host's sshd is published, 0 when it isn't."""
        published = self._container.ports.get("22/tcp") or [{}]
        return int(published[0].get("HostPort") or 0)

    def _failed(self, limit: float) -> ProviderError:
        state = self._state()
        log = self._container.logs(tail=15).decode("utf-8", "replace")
        if self._container.status != "running":
            return self._error("its container ended while it booted", log)
        if state in _UP:
            hint = f"`docker exec {self._container.name} systemctl status ssh sshd` may say why"
            return self._error(f"is up, but its ssh server didn't answer within {limit:g} s", log, hint)
        return self._error(f"didn't boot within {BOOT_LIMIT:g} s", log)

    def _error(self, message: str, log: str | None = None, hint: str | None = None) -> ProviderError:
        return ProviderError(message, host=self._host, detail=log or None, hint=_inotify_hint(log or "") or hint)


def _inotify_hint(log: str) -> str | None:
    """Systemd needs a few inotify instances for each host, and the kernel counts them per user, over all containers."""
    if not any(words in log for words in _NO_INOTIFY):
        return None
    try:
        now = f" (it's {INOTIFY.read_text(encoding='ascii').strip()})"
    except OSError:
        now = ""
    return (
        f"this machine's limit of inotify instances is too low{now}: sysctl -w fs.inotify.max_user_instances={_ENOUGH}"
    )


def answers(port: int) -> bool:
    """Whether an ssh server greets on a port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
