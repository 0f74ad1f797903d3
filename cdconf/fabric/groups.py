"""Groups of Fabric connections to an environment's hosts."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import fabric
from invoke.util import ExceptionHandlingThread

from cdconf.cli.flags import Flags
from cdconf.fabric.connection import HostConnection
from cdconf.fabric.script_run import ScriptRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

TICK = 0.5  # seconds after which a wait is begun anew
ENDS_WITHIN = 10.0  # seconds


def group(
    environment: str,
    limit: str | None = None,
    *,
    lease: bool = True,
    parallel: bool = True,
    reason: str | None = None,
    project: str | Path = ".",
) -> Hosts:
    """Fabric connections to an environment's hosts, open and ready.

    They are reached as cdconf itself reaches them: the inventory's addresses, users, keys and jump hosts. A host key
    that isn't the pinned or the known one is refused. The history records the script's run when the group is closed,
    at the end of `with` or of the script.

    Args:
        environment: The environment's name.
        limit: Which of its hosts, as `--limit` has it: `web`, `web1`, `web,!web2`. None: all.
        lease: Hold the hosts' leases, so that no run of cdconf works on them meanwhile. False: go ahead while somebody
            else holds them; for scripts that only look.
        parallel: On all hosts at once (Fabric's `ThreadingGroup`), or one after another (`SerialGroup`).
        reason: What the leases tell others, and the history; by default the script's name.
        project: The project's directory, or one below it.

    Raises:
        Refused: A host is held by somebody else, is unreachable, or isn't the right one; a file breaks a rule.
    """
    flags = Flags(directory=str(project), limit=limit)
    run = ScriptRun(environment, flags, lease=lease, reason=reason)
    hosts: Hosts = (Hosts if parallel else SerialHosts)()
    return hosts.begin(run)


class Hosts(fabric.ThreadingGroup):  # type: ignore[misc]
    """Connections that belong to one run; a `with` around them gives the hosts back at its end."""

    _run: ScriptRun

    def begin(self, run: ScriptRun) -> Self:
        """Opens the connections of a run that has just begun."""
        self._run = run
        connections = {host.name: HostConnection(host, run) for host in run.hosts}
        self.extend(connections.values())
        try:
            run.log_in_everywhere(run.hosts, connections)
        except BaseException as error:
            self.end(error)
            raise
        _at_exit(self)
        return self

    def end(self, error: BaseException | None = None) -> None:
        """Closes the connections, and gives the hosts back; the history says that it ended with this error."""
        try:
            super().close()
        finally:
            self._run.end(error)

    def close(self) -> None:
        """Closes the connections, and gives the hosts back."""
        self.end()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)

    def put(self, local: Any, *args: Any, **kwargs: Any) -> Any:
        """Fabric's `put`; what has a `read` is read once, since all hosts' threads would read it at the same time."""
        if hasattr(local, "read"):
            data = local.read()
            local = data.encode() if isinstance(data, str) else data
        return super().put(local, *args, **kwargs)

    def _do(self, method: str, *args: Any, **kwargs: Any) -> Any:
        work = GroupWork(lambda: super(Hosts, self)._do(method, *args, **kwargs))
        try:
            return work.result()
        except KeyboardInterrupt:
            self._run.interrupt(waits=work.has_ended)
            raise


class SerialHosts(Hosts):
    """The same, one host after another."""

    def _do(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return fabric.SerialGroup._do(self, method, *args, **kwargs)


class GroupWork:
    """Fabric's work with threads, in a thread of its own.

    Fabric waits for its threads without a time limit. A Ctrl-C that comes as such a wait begins is slept through, and
    one that comes as a thread is started leaves it unknown.

    Args:
        job: The work.
    """

    def __init__(self, job: Callable[[], Any]) -> None:
        self._outcome: list[Any] = []
        self._thread = ExceptionHandlingThread(target=lambda: self._outcome.append(job()), name="cdconf-fabric")

    def result(self) -> Any:
        """Does the work; returns what it returns, raises what it raises, and KeyboardInterrupt."""
        self._thread.start()
        while self._thread.is_alive():
            self._thread.join(TICK)
        if failed := self._thread.exception():
            raise failed.value
        return self._outcome[0]

    def has_ended(self) -> bool:
        """Waits a while for the end of work that was told to end."""
        ends = time.monotonic() + ENDS_WITHIN
        while self._thread.is_alive() and time.monotonic() < ends:
            self._thread.join(TICK)
        return not self._thread.is_alive()


def _at_exit(hosts: Hosts) -> None:
    """Ends a group that the script left open. By the time `atexit` calls, Python starts no thread any more."""
    threading._register_atexit(lambda: hosts.end(getattr(sys, "last_value", None)))  # type: ignore[attr-defined]
