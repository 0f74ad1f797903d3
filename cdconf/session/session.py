"""A session: calls to the agent on one host, their events and their errors."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from cdconf import clocks
from cdconf.agent import wire
from cdconf.agent.records.shapes import Misfit
from cdconf.errors import HostFailed, LeaseHeld, Unreachable
from cdconf.events import ClocksSeen
from cdconf.facts import HostFacts, checked
from cdconf.session.agent_errors import AgentError, Disconnected, LeaseLost, Unintelligible, error_of
from cdconf.session.answers import ANSWERS, EVENTS, OUTPUT, CommandOutput, Error, RunAnswer
from cdconf.session.calls import Calls
from cdconf.session.frames import Frames, TooLate
from cdconf.session.limits import KEPT, LEFT_OUT, SILENCE, STOPPED, TEXTS, Limit, limit_of
from cdconf.session.transport import CLOSE_WITHIN, TransportClosed, TransportSilent
from cdconf.session.typed import fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cdconf.inventory import Host
    from cdconf.session.answers import LeaseState
    from cdconf.session.transport import Transport

__all__ = ["AgentError", "Disconnected", "LeaseLost", "Session", "Unintelligible"]

BEAT = 5.0  # seconds between two beats; a thread of the agent that does nothing else answers them
_GLANCE = 0.25  # seconds between two looks whether a watched command should end
_UNASKED = 20  # frames more than beats
_EVENT = 1024  # bytes of memory that an event takes beside its texts
_AFTER_BREAK = (
    "the host ends by itself after the change it's at, and remembers what it did; run again when it answers: "
    "the lease on it expires by itself"
)


class Session(Calls):
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
        self._frames = Frames(transport, rest)
        self._kept = 0
        self._ids = itertools.count(1)
        self._beats = self._unasked = 0
        self._calling = threading.Lock()
        self._sending = threading.Lock()  # a transport may write a frame in pieces; a beat mustn't come in between
        self._broken: str | None = None
        self._has_ended = False
        self._stopping = threading.Event()
        self._stopped_at = 0.0
        before = time.time()
        opened = self.open(project, facts, ends_leases=ends_leases)
        self.clock_ahead = clocks.ahead(opened.get("time"), before, time.time())
        known = self._checked("open", opened["facts"], facts)
        self.facts = HostFacts(known, lambda groups: self._checked("facts", self.gather(groups), groups))
        self.identity = opened["identity"]
        self.lease: LeaseState | None = opened["lease"]
        self.left = opened.get("left")

    def call(
        self,
        name: str,
        *,
        on_event: Callable[[Any], object] | None = None,
        raw: Iterable[bytes] = (),
        **arguments: Any,
    ) -> Any:
        """Calls the agent and waits for the result, at most as long as `limits` says.

        Args:
            name: A key of `answers.ANSWERS`.
            on_event: Gets each event of the call.
            raw: Raw frames sent after the request.
            arguments: The call's own, plain data.

        Returns:
            What `answers` declares for the call.

        Raises:
            AgentError: The agent refuses or failed.
            LeaseHeld: Another run holds the host.
            Unreachable: The host fell silent, or the connection broke, now or in an earlier call.
            Unintelligible: What came isn't declared for the call.
        """
        with self._calling:
            identifier = next(self._ids)
            limit = limit_of(name, arguments)
            self._send({"id": identifier, "call": name, "args": arguments})
            for chunk in raw:
                if self._stopping.is_set():
                    break  # the agent ends the call instead of waiting for the rest
                self._send(chunk)
            began = last = time.monotonic()
            while True:
                frame = self._receive(limit, began, last)
                if not isinstance(frame, dict) or frame.get("id") != identifier or isinstance(frame["id"], bool):
                    self._count_unasked()
                    continue
                if "event" in frame and name in EVENTS:
                    last = time.monotonic()
                    event = self._fitted(f"an event of '{name}'", EVENTS[name], frame["event"])
                    if not event:  # else it could go on with these for as long as the call may take
                        raise self._unintelligible(f"an event of '{name}' says nothing")
                    event = self._short(limit, event)
                    if on_event is not None:
                        on_event(event)
                elif "error" in frame:
                    raise self._error(name, frame["error"])
                elif "result" in frame:
                    self._keep(limit, self._frames.weight)
                    return self._fitted(f"its answer to '{name}'", ANSWERS[name], frame["result"])
                else:
                    raise self._unintelligible(f"its answer to '{name}' has neither a result nor an error")

    def run(self, command: str, **keywords: Any) -> RunAnswer:
        """Runs a command line; see `cdconf.agent.system.project_commands.execute`.

        Returns:
            `{"status", "stdout", "stderr"}`, the end of what it printed.
        """
        printed = {"out": bytearray(), "err": bytearray()}

        def on_event(event: CommandOutput) -> None:
            printed["out"] += event.get("out", b"")
            printed["err"] += event.get("err", b"")
            for kept in printed.values():
                if len(kept) > OUTPUT:
                    raise self._unintelligible(f"it sends more than {OUTPUT} bytes of what a command printed")

        result: RunAnswer = self.call("run", on_event=on_event, command=command, **keywords)
        for name, stream in (("stdout", printed.pop("out")), ("stderr", printed.pop("err"))):
            if stream:
                result[name] = bytes(stream)  # type: ignore[literal-required]
        return result

    def stream(self, command: str, on_output: Callable[[str, bytes], None], **keywords: Any) -> int:
        """Runs a command line and hands on what it prints as it comes; returns its status.

        After a stop it ends within `STOPPED` seconds, whether or not the host says so.

        Args:
            command: The command line.
            on_output: Gets `out` or `err`, and bytes.
            keywords: user, data, timeout, endless, app.
        """

        def on_event(event: CommandOutput) -> None:
            for name, chunk in event.items():
                on_output(name, chunk)  # type: ignore[arg-type]

        result = self.call("stream", on_event=on_event, command=command, **keywords)
        status: int = result["status"]
        return status

    def beat(self) -> None:
        """Tells the agent that the controller lives, which renews the lease; never raises."""
        self._beats += 1
        self._tell({"beat": True})

    def stop(self) -> None:
        """Asks the agent to end the call in hand before its next change; never raises."""
        self._stopped_at = time.monotonic()
        self._stopping.set()
        self._tell({"stop": True}, self._stopping.is_set)

    def resume(self) -> None:
        """Takes a stop back, for what must be done after it; never raises."""
        self._stopping.clear()
        self._tell({"resume": True})

    def close(self) -> None:
        """Ends the session; never raises."""
        self._broken = self._broken or "it was closed"
        is_quiet = self._sending.acquire(timeout=CLOSE_WITHIN)  # what's being written lets go of the transport
        self._transport.close()
        if is_quiet:
            self._sending.release()

    def _tell(self, message: object, is_still_true: Callable[[], bool] = lambda: True) -> None:
        with contextlib.suppress(Unreachable):
            self._send(message, is_still_true)

    def _send(self, message: object, is_still_true: Callable[[], bool] = lambda: True) -> None:
        frame = wire.pack(message)
        try:
            with self._sending:
                if self._broken is not None:
                    raise self._lost(self._broken)
                if is_still_true():
                    self._transport.write(frame)
        except (TransportClosed, TimeoutError) as error:
            raise self._closed(str(error)) from error

    def _receive(self, limit: Limit, began: float, last: float) -> Any:
        ends = [began + limit.total] if limit.total is not None else []
        ends += [last + limit.between] if limit.between is not None else []

        def until() -> float | None:
            stopped = [self._stopped_at + STOPPED] if limit.watched and self._stopping.is_set() else []
            return min((*ends, *stopped), default=None)

        try:
            return self._frames.next(until, _GLANCE if limit.watched else SILENCE)
        except wire.BadFrame as error:
            raise self._broke(str(error)) from error
        except TooLate:
            raise self._too_late(limit, began) from None
        except TransportSilent as error:
            why = str(error) or "it hangs, or the network swallows packets"
            raise self._lost(f"it has answered nothing for {SILENCE:g} s: {why}") from None
        except TransportClosed as error:
            raise self._broke(str(error)) from error
        except EOFError:
            raise self._closed("the host closed it") from None

    def _too_late(self, limit: Limit, began: float) -> Unreachable | HostFailed:
        if limit.watched and self._stopping.is_set():
            self._broken = self._broken or "it didn't say that the command has ended"
            return AgentError(self._broken, host=self.host.name, reason="stopped", details={}, detail=None)
        within = time.monotonic() - began
        return self._lost(f"its agent lives, but hasn't done in {within:.0f} s what it was asked to do")

    def _count_unasked(self) -> None:
        """A beat has one echo; more would keep this end busy for as long as the host likes."""
        self._unasked += 1
        if self._unasked > self._beats + _UNASKED:
            raise self._broke("it goes on sending what nobody has asked for")

    def _short(self, limit: Limit, event: Any) -> Any:
        """An event without its long texts once many were kept: a host with many large files isn't a hostile one."""
        if self._kept + self._frames.weight <= TEXTS or limit.passes:
            self._keep(limit, self._frames.weight + _EVENT)
            return event
        long = {name: LEFT_OUT for name in ("diff", "message") if len(event.get(name) or "") > len(LEFT_OUT)}
        self._keep(limit, _EVENT)
        return {**event, **long}

    def _keep(self, limit: Limit, weight: int) -> None:
        if limit.passes:
            return
        self._kept += weight
        if self._kept > KEPT:
            raise self._broke("it sends more than any host has to say")

    def _fitted(self, what: str, kind: Any, value: object) -> Any:
        try:
            return fitted(kind, value)
        except Misfit as misfit:
            raise self._unintelligible(f"{what} isn't one: {misfit.text()}") from None

    def _checked(self, name: str, facts: Mapping[str, Any], groups: Sequence[str]) -> dict[str, Any]:
        try:
            return checked(facts, groups)
        except Misfit as misfit:
            raise self._unintelligible(f"its answer to '{name}' isn't one: {misfit.text()}") from None

    def _unintelligible(self, message: str) -> Unintelligible:
        return Unintelligible(message, host=self.host.name)

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

    def _error(self, name: str, error: object) -> Unreachable | HostFailed | LeaseHeld:
        about: Error = self._fitted(f"its error of '{name}'", Error, error)
        details = about.get("details") or {}
        if about["kind"] == "rebooting" and not ("asked_by" in details and details.get("within", -1.0) >= 0):
            return self._unintelligible(f"its error of '{name}' asks for a reboot without saying what for")
        return error_of(about, self.host.name)


def clocks_of(sessions: Iterable[Session]) -> ClocksSeen:
    """By how much the hosts' clocks are ahead of this machine's."""
    ahead = {session.host.name: session.clock_ahead for session in sessions}
    return ClocksSeen("host", {name: by for name, by in ahead.items() if by is not None})
