"""What an agent's errors mean, and what's said of a host that doesn't answer as an agent does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.errors import HostFailed, LeaseHeld, Unreachable

if TYPE_CHECKING:
    from cdconf.session.answers import Error

BY_HOST = "the host itself"  # the owner of a lease that `cdconf.agent.switch.watch` takes
_HINTS = {
    "wrong_environment": "check the address in hosts.yml; a host belongs to the environment that first provisioned it",
    "same_machine": "two names must not lead to one machine: look at the addresses in hosts.yml",
    "disk_full": "make room on the host (`df -h`, `df -i`); nothing is half-written",
    "lease_lost": "heartbeats came too late, or someone ran `cdconf lock release`; see `cdconf lock status`",
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


class Unintelligible(Unreachable):
    """A host answered what no agent of cdconf answers: it's damaged, or somebody else answers in its place.

    It's unreachable to a run: nothing that it says counts, and nothing is held against the artifact.
    """

    def __init__(self, message: str, *, host: str) -> None:
        super().__init__(
            message,
            host=host,
            hint="nothing that it says is believed; run again, and if it stays so look at the host by hand: it may "
            "be damaged, or somebody else's",
        )


def error_of(error: Error, host: str) -> HostFailed | LeaseHeld:
    """What an agent's own error is to a run."""
    details: dict[str, Any] = {**(error.get("details") or {})}
    message = error["message"] or "it gives no reason"
    if error["kind"] == "lease_held":
        held = LeaseHeld(
            message,
            host=host,
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
        lines.append(str(error["output"]))
    kind = LeaseLost if error["kind"] == "lease_lost" else AgentError
    return kind(message, host=host, reason=error["kind"], details=details, detail="\n".join(lines) or None)
