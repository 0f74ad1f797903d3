"""The events of a run, as plain data: one stream that every renderer reads.

The code that does the work calls `Emit` with these events. Renderers turn them into a live display, plain lines or
JSON. Events may come from several threads; a renderer must be safe for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

ResourceStatus = Literal["ok", "changed", "would_change", "unknown", "failed", "skipped", "orphaned"]
Cause = Literal["by_hand", "not_applied", "both", "unknown"]  # why a host isn't as its files want it
HostStatus = Literal["ok", "changed", "failed", "unreachable", "rolled_back", "not_attempted"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins. `hosts` are all hosts that it will touch, in order."""

    command: str
    environment: str | None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The run as a whole enters a step, such as "building web1", "expand migration", "batch 2 of 3: web2"."""

    message: str


@dataclass(frozen=True, slots=True)
class OwnCodeRan:
    """Code of the commit itself ran on this machine: a build, or smoke tests.

    `isolated` is true if that code couldn't read any key; otherwise `why` says why not.
    """

    what: str
    isolated: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Printed:
    """A line that a stage's own command has printed."""

    message: str


@dataclass(frozen=True, slots=True)
class HostStep:
    """What one host does at the moment: "connecting", "package nginx", "waiting for health"."""

    host: str
    message: str


@dataclass(frozen=True, slots=True)
class ResourcesBegin:
    """A host's agent begins with these resources, in this order: (type, title) each."""

    host: str
    resources: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ResourceDone:
    """A resource was looked at, or applied, on a host.

    `diff` is text made for people (a unified diff, or lines `mode: 0644 -> 0600`), None when there is none;
    sensitive values are already replaced. `message` says why, for `failed`, `unknown` and `skipped`.
    `by_hand` is True when someone changed the host itself, whatever the files want by now.
    `repair` tells how people mend what `provision` doesn't mend by itself, or has failed at, with a command.
    `left` says why `drift --fix` leaves a finding as it is.
    `waived` is the reason of the waiver that covers a finding of `drift`, and `waived_until` the waiver's last day.
    `cause` is given for what was only looked at and isn't as it should be; `fields` names the fields that were changed
    (`by_hand`) and those that the files want otherwise than they were applied (`not_applied`).
    `first_seen` is when a look for drift first found it so, by the host's clock, in seconds since 1970.
    `evidence` are sentences from the host's own logs and files about who and when: never a verdict.
    """

    host: str
    type: str
    title: str
    status: ResourceStatus
    source: str | None = None
    diff: str | None = None
    message: str | None = None
    by_hand: bool = False
    duration_s: float = 0.0
    repair: str | None = None
    left: str | None = None
    waived: str | None = None
    waived_until: str | None = None
    cause: Cause | None = None
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    first_seen: float | None = None
    evidence: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NotAttempted:
    """A host's run ended before these resources: `checked` says whether they'd only have been looked at.

    `resources` are (type, title, source); handlers are among them that are due since this run.
    """

    host: str
    resources: tuple[tuple[str, str, str | None], ...]
    checked: bool = False


@dataclass(frozen=True, slots=True)
class SmokeDone:
    """One smoke test ended on a host: `test` is `ROLE: FILE::TEST[PARAMETERS]`.

    One that's `skipped` didn't run, for the reason that `message` gives; it didn't fail, so `passed` is true.
    """

    host: str
    test: str
    passed: bool
    message: str | None = None
    duration_s: float = 0.0
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class HostDone:
    """The run is done with a host. `error` is the message for `failed` and `unreachable`."""

    host: str
    status: HostStatus
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for people: a warning, or information such as which build was chosen."""

    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """cdconf asks a person something on the terminal. The live display pauses until the answer."""

    begins: bool


@dataclass(frozen=True, slots=True, repr=False)
class SecretRead:
    """A secret that no catalog knows came to be used: the run masks it from here on. No renderer sees this."""

    value: str


@dataclass(frozen=True, slots=True)
class Leased:
    """The run asks hosts for their leases: they know it by this id, as the history does."""

    run: str


@dataclass(frozen=True, slots=True)
class HostLeased:
    """A host gave its lease. `fence` is its number there, above those of all runs before."""

    host: str
    fence: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The release is confirmed on all hosts. After this event, the deployment no longer rolls back."""

    release: str


@dataclass(frozen=True, slots=True)
class ClocksSeen:
    """Others' clocks were compared with this machine's. `ahead`: by how many seconds, by whose it is."""

    kind: Literal["host", "store"]
    ahead: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StageChanged:
    """A stage of the pipeline came into a state, or to its next step; see `pipeline.entries.StageNoted`."""

    commit: str
    stage: str
    state: str
    why: str = ""
    step: str | None = None


Event = (
    RunStarted
    | Step
    | OwnCodeRan
    | HostStep
    | ResourcesBegin
    | ResourceDone
    | NotAttempted
    | SmokeDone
    | HostDone
    | Notice
    | Asking
    | SecretRead
    | Leased
    | HostLeased
    | Committed
    | ClocksSeen
    | StageChanged
    | Printed
)
Emit = Callable[[Event], None]


@dataclass(slots=True)
class HostResult:
    """What a run did on one host, counted; `resources` in the order of the events.

    What a waiver covers is counted as `waived` alone, whatever its status.
    `not_attempted` are (type, title, source) of what a failure kept the run from.
    """

    status: HostStatus = "not_attempted"
    ok: int = 0
    changed: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0
    orphaned: int = 0
    waived: int = 0
    error: str | None = None
    resources: list[ResourceDone] = field(default_factory=list)
    not_attempted: tuple[tuple[str, str, str | None], ...] = ()
    smoke: list[SmokeDone] = field(default_factory=list)


@dataclass(slots=True)
class RunResult:
    """What a run came to: everything that the JSON document says; `extra` holds the command's own keys."""

    command: str
    environment: str | None
    hosts: dict[str, HostResult] = field(default_factory=dict)
    exit_code: int = 0
    error: dict[str, Any] | None = None
    error_detail: str | None = None
    duration_s: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)


class Collector:
    """Counts a run's events per host; it's an `Emit`, safe for threads.

    Attributes:
        hosts: What was done on each.
        run: The id by which hosts know the run.
        fences: Host -> the run's fencing number there.
        clocks: By how many seconds others' clocks are ahead of this machine's, by what has them and their names.
        committed_at: When a deployment was kept on all hosts, in seconds since 1970; None: it wasn't.
        isolated: Whether all of the commit's own code ran where it couldn't reach any key; None: none ran.
        not_isolated: Why it could.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, HostResult] = {}
        self.run: str | None = None
        self.fences: dict[str, int] = {}
        self.clocks: dict[str, dict[str, float]] = {"host": {}, "store": {}}
        self.committed_at: float | None = None
        self.isolated: bool | None = None
        self.not_isolated = ""
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, RunStarted):
                for name in event.hosts:
                    self.hosts.setdefault(name, HostResult())
            elif isinstance(event, ResourceDone):
                self._count(self.hosts.setdefault(event.host, HostResult()), event)
            elif isinstance(event, (NotAttempted, SmokeDone, HostDone)):
                self._note(self.hosts.setdefault(event.host, HostResult()), event)
            else:
                self._learn(event)

    def _learn(self, event: Event) -> None:
        """What's known of the run itself."""
        if isinstance(event, Leased):
            self.run = event.run
        elif isinstance(event, HostLeased):
            self.fences[event.host] = max(event.fence, self.fences.get(event.host, 0))
        elif isinstance(event, Committed):
            self.committed_at = self.committed_at or time.time()
        elif isinstance(event, ClocksSeen):
            self.clocks[event.kind].update(event.ahead)
        elif isinstance(event, OwnCodeRan):
            self.isolated = event.isolated and self.isolated is not False
            self.not_isolated = self.not_isolated or event.why

    def _note(self, result: HostResult, event: NotAttempted | SmokeDone | HostDone) -> None:
        if isinstance(event, NotAttempted):
            result.not_attempted = event.resources
        elif isinstance(event, SmokeDone):
            result.smoke.append(event)
        else:
            result.status, result.error = event.status, event.error

    def _count(self, result: HostResult, event: ResourceDone) -> None:
        result.resources.append(event)
        counted = "changed" if event.status == "would_change" else event.status
        name = "waived" if event.waived is not None else counted
        setattr(result, name, getattr(result, name) + 1)
