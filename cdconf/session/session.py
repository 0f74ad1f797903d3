"""A session: calls to the agent on one host, their events and their errors."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from cdconf import clocks
from cdconf.agent import wire
from cdconf.errors import HostFailed, LeaseHeld, Unreachable
from cdconf.events import ClocksSeen
from cdconf.facts import HostFacts
from cdconf.session.transport import TransportClosed, TransportSilent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cdconf.inventory import Host
    from cdconf.session.transport import Transport

# Beats go out every BEAT seconds and are answered by a thread that does nothing else: this much silence means
# that the host hangs, not that it's busy.
BEAT = 5.0
SILENCE = 25.0
_LARGEST = 1 << 63  # databases hold no larger numbers
BY_HOST = "the host itself"  # the owner of a lease that `cdconf.agent.watch` takes
_AFTER_BREAK = (
    "the host ends by itself after the change it's at, and remembers what it did; run again when it answers: "
    "the lease on it expires by itself"
)
_HINTS = {
    "wrong_environment": "check the address in hosts.yml; a host belongs to the environment that first provisioned it",
    "same_machine": "two names must not lead to one machine: look at the addresses in hosts.yml",
    "disk_full": "make room on the host (`df -h`, `df -i`); nothing is half-written",
    "lease_lost": "beats didn't reach the host in time, or someone ran `cdconf lock release`; see `cdconf lock status`",
    "stopped": "what was done until then is kept and recorded; run again to go on",
    "protocol": "the agent and cdconf don't fit together; run again, so that the host gets this version's agent",
    "bug": "please report it with the lines above at https://github.com/cdconf/cdconf/issues",
}


class AgentError(HostFailed):
    """The agent says that something failed.

    Args:
        reason: The agent's kind: `failed`, `disk_full`, `lease_lost`, `wrong_environment`, `same_machine`, `stopped`,
            `bug`, `release` (the release itself doesn't work), `damaged` (a file that cdconf keeps there).
        details: The agent's plain data about it; `hint` says what to do.
    """

    def __init__(self, message: str, *, host: str, reason: str, details: dict[str, Any], detail: str | None) -> None:
        super().__init__(message, host=host, detail=detail, hint=details.get("hint") or _HINTS.get(reason))
        self.reason = reason
        self.details = details


class LeaseLost(AgentError, Unreachable):
    """This run no longer holds the host: its beats didn't get there in time, since one of the two hung or slept.

    It's the same to a run as silence: whether it notices the one or the other is a matter of moments.
    """

    kind = "unreachable"


class Disconnected(Unreachable):
    """A session's connection ended: its agent was killed, or somebody reset it. The host itself may be well."""


class Session:
    """The live connection to one host's agent; one call at a time, beats in between.

    Args:
        host: Whose it is.
        transport: Booted: frames from here on.
        rest: Bytes read already.
        project: The project's name.
        facts: Groups of facts that the run will read, to be gathered at once.
        ends_leases: The run ends whatever lease there is, damaged ones too; it isn't told of them here.

    Attributes:
        facts: The host's facts; groups that aren't here yet are asked for when they're read.
        identity: `{"environment", "host"}` that the host says it is, None for a fresh one.
        lease: Who held the host's lease when the session began, None for nobody; see `at_work.told`.
        left: The run that never gave it back, since it was killed or cut off; None when all is in order.
        clock_ahead: By how many seconds the host's clock is ahead of this machine's; None if it told no time.
    """

    def __init__(
        self,
        host: Host,
        transport: Transport,
        rest: bytes,
        project: str,
        facts: Sequence[str] = (),
        *,
        ends_leases: bool = False,
    ) -> None:
        self.host = host
        self._transport = transport
        self._buffer = bytearray(rest)
        self._ids = itertools.count(1)
        self._calling = threading.Lock()
        self._sending = threading.Lock()  # a transport may write a frame in pieces; a beat mustn't come in between
        self._broken: str | None = None
        self._has_ended = False
        self._stopping = threading.Event()
        before = time.time()
        opened = self.call("open", project=project, facts=list(facts), ends_leases=ends_leases)
        self.clock_ahead = clocks.ahead(opened.get("time"), before, time.time())
        self.facts = HostFacts(opened["facts"], lambda groups: self.call("facts", groups=list(groups)))
        self.identity: dict[str, str] | None = opened["identity"]
        self.lease: dict[str, Any] | None = opened["lease"]
        self.left: dict[str, Any] | None = opened.get("left")

    def call(
        self,
        name: str,
        *,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        raw: Iterable[bytes] = (),
        **arguments: Any,
    ) -> Any:
        """Calls the agent and waits for the result, however long the work takes, as long as the host lives.

        Args:
            name: A key of `cdconf.agent.calls.CALLS`.
            on_event: Gets each event of the call.
            raw: Raw frames sent after the request.
            arguments: The call's own, plain data.

        Raises:
            AgentError: The agent refuses or failed.
            LeaseHeld: Another run holds the host.
            Unreachable: The host fell silent, or the connection broke, now or in an earlier call.
        """
        with self._calling:
            identifier = next(self._ids)
            self._send({"id": identifier, "call": name, "args": arguments})
            for chunk in raw:
                if self._stopping.is_set():
                    break  # the agent ends the call instead of waiting for the rest
                self._send(chunk)
            while True:
                frame = self._receive()
                if not isinstance(frame, dict) or frame.get("id") != identifier:
                    continue  # a beat's echo
                if "event" in frame:
                    if on_event is not None:
                        on_event(frame["event"])
                elif "error" in frame:
                    raise self._error(frame["error"])
                else:
                    return frame["result"]

    def converge(
        self,
        document: Mapping[str, Any],
        *,
        check: bool,
        on_event: Callable[[dict[str, Any]], None],
        prune: bool = False,
        digest: str | None = None,
    ) -> dict[str, Any]:
        """Applies a catalog, or checks it; returns `{"counts": {status: n}, "failed": bool}`.

        `digest` is what the host remembers the catalog by.
        """
        about: dict[str, Any] = {"catalog": document, "check": check, "prune": prune, "digest": digest}
        result: dict[str, Any] = self.call("converge", on_event=on_event, **about)
        return result

    def run(self, command: str, **keywords: Any) -> dict[str, Any]:
        """Runs a command line; `{"status", "stdout", "stderr"}`, see `cdconf.agent.execute.execute`."""
        result: dict[str, Any] = self.call("run", command=command, **keywords)
        return result

    def stream(self, command: str, on_output: Callable[[str, bytes], None], **keywords: Any) -> int:
        """Runs a command line and hands on what it prints as it comes; returns its status, see `cdconf.agent.stream`.

        Args:
            command: The command line.
            on_output: Gets `out` or `err`, and bytes.
            keywords: user, data, timeout, endless.
        """

        def on_event(event: dict[str, Any]) -> None:
            for name, chunk in event.items():
                on_output(name, chunk)

        result: dict[str, Any] = self.call("stream", on_event=on_event, command=command, **keywords)
        status: int = result["status"]
        return status

    def beat(self) -> None:
        """Tells the agent that the controller lives, which renews the lease; never raises."""
        with contextlib.suppress(Unreachable):
            self._send({"beat": True})

    def stop(self) -> None:
        """Asks the agent to end the call in hand before its next change; never raises."""
        self._stopping.set()
        with contextlib.suppress(Unreachable):
            self._send({"stop": True})

    def resume(self) -> None:
        """Takes a stop back, for what must be done after it; never raises."""
        self._stopping.clear()
        with contextlib.suppress(Unreachable):
            self._send({"resume": True})

    def close(self) -> None:
        """Ends the session; never raises."""
        self._transport.close()

    def _send(self, message: object) -> None:
        if self._broken is not None:
            raise self._lost(self._broken)
        frame = wire.pack(message)
        try:
            with self._sending:
                self._transport.write(frame)
        except (TransportClosed, TimeoutError) as error:
            raise self._closed(str(error)) from error

    def _receive(self) -> Any:
        try:
            return wire.read(self._read_exactly)
        except wire.BadFrame as error:
            raise self._broke(str(error)) from error

    def _read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            try:
                data = self._transport.read(65536, SILENCE)
            except TransportSilent as error:
                why = str(error) or "it hangs, or the network swallows packets"
                message = f"it has answered nothing for {SILENCE:g} s: {why}"
                raise self._lost(message) from None
            except TransportClosed as error:
                raise self._broke(str(error)) from error
            if not data:
                raise self._closed("the host closed it")
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _closed(self, why: str) -> Unreachable:
        words = self._transport.last_words()
        return self._broke(words.splitlines()[-1] if words else why, words)

    def _broke(self, why: str, words: str = "") -> Unreachable:
        self._has_ended = True
        return self._lost(f"the connection broke in mid-run: {why}", words if "\n" in words else None)

    def _lost(self, message: str, detail: str | None = None) -> Unreachable:
        """The session is over: no later call waits for the host again."""
        self._broken = self._broken or message
        kind = Disconnected if self._has_ended else Unreachable
        return kind(message, host=self.host.name, hint=_AFTER_BREAK, detail=detail)

    def _error(self, error: dict[str, Any]) -> HostFailed | LeaseHeld:
        details = error.get("details") or {}
        if error["kind"] == "lease_held":
            held = LeaseHeld(
                error["message"],
                host=self.host.name,
                hint="wait for it, or see `cdconf lock status`; a dead run's lease expires by itself",
            )
            held.by_host = details.get("owner") == BY_HOST
            return held
        lines = []
        if error.get("command"):
            lines.append(f"command: {error['command']}")
        if error.get("status") is not None:
            lines.append(f"exit status: {error['status']}")
        if error.get("output"):
            lines.append(error["output"])
        kind = LeaseLost if error["kind"] == "lease_lost" else AgentError
        return kind(
            error["message"],
            host=self.host.name,
            reason=error["kind"],
            details=details,
            detail="\n".join(lines) or None,
        )


def clocks_of(sessions: Iterable[Session]) -> ClocksSeen:
    """By how much the hosts' clocks are ahead of this machine's."""
    ahead = {one.host.name: one.clock_ahead for one in sessions}
    return ClocksSeen("host", {name: by for name, by in ahead.items() if by is not None})


def fence_of(taken: Mapping[str, Any]) -> int:
    """The fencing number in the answer to `lease.take`; 0 for what can't be one."""
    fence = taken.get("fence")
    return fence if isinstance(fence, int) and 0 < fence < _LARGEST else 0
