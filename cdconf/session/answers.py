"""What an agent may answer, call by call, and the events that a call may send meanwhile.

Each type says what the agent's function of that call returns; see `cdconf.agent.protocol.calls`. Whatever else a host
sends is dropped, and what lacks or is of another type makes the answer void, see `cdconf.session.typed`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, NotRequired, TypedDict

from cdconf.events import Cause, ResourceStatus
from cdconf.session.app_answers import (
    AppChanges,
    AppConfirmed,
    AppHooks,
    AppInstalled,
    AppLacking,
    AppReady,
    AppReleased,
    AppStatus,
    DrainEnd,
    DrainStatus,
    HealthAnswer,
    HealthAttempt,
    HostMemory,
    MigrationEntries,
    MigrationResult,
    PageOff,
    PageStatus,
    TogglesChanged,
    TogglesLook,
)
from cdconf.session.typed import Count, Long, Most, Plain, Time

OUTPUT = 16 * 1024 * 1024  # bytes of what a command prints that are kept, of each stream


class Identity(TypedDict):
    """Whose a host says it is."""

    environment: str
    host: str


class Inner(TypedDict):
    """A run that works within another one's lease."""

    run: str
    owner: str | None
    reason: str | None


class LeaseState(TypedDict):
    """Who holds a host; `dead`: which of its runs were killed on this machine, see `at_work.told`."""

    run: str
    owner: str | None
    reason: str | None
    age_s: float
    expires_in_s: float
    fence: Count
    inner: list[Inner]
    dead: NotRequired[list[str]]


class UnreturnedRun(TypedDict):
    """A run that never gave its lease back."""

    run: str
    owner: str | None
    reason: str | None
    age_s: float | None


class DamagedLease(TypedDict):
    """A lease whose file was damaged, and is removed."""

    damaged: str


class Opened(TypedDict):
    """`open`; the facts are checked by their own table."""

    facts: dict[str, Plain]
    identity: Identity | None
    lease: LeaseState | None
    left: NotRequired[UnreturnedRun | None]
    time: NotRequired[Time]


class AppliedFiles(TypedDict):
    """Which files were applied last: `commit` is None outside of git."""

    commit: str | None
    dirty: bool | None
    owner: str | None


class Taken(TypedDict):
    """`lease.take` and `lease.join`."""

    fence: Count
    before: NotRequired[Count]
    applied: NotRequired[AppliedFiles | None]


class Converged(TypedDict):
    """`converge`; `applied` of a look."""

    counts: dict[ResourceStatus, Count]
    failed: bool
    applied: NotRequired[AppliedFiles | None]


class Mended(TypedDict):
    """`mend`; `mends` counts what is, or would be, put right."""

    counts: dict[ResourceStatus, Count]
    failed: bool
    mends: Count


class Looked(Converged):
    """`drift.look` and `drift.applied`; `told` are the findings of `drift.note` that it remembers, as `TYPE:TITLE`."""

    told: Annotated[list[str], Most(1000)]


class HostMarks(TypedDict):
    """MACs of a host and of its catalog."""

    host: str
    catalog: str


class PlanAnswer(TypedDict):
    """`plan`."""

    counts: dict[ResourceStatus, Count]
    failed: bool
    marks: HostMarks
    applied: NotRequired[AppliedFiles | None]


class ResourceEvent(TypedDict):
    """What became of one resource, or of a handler."""

    type: str
    title: str
    status: ResourceStatus
    source: NotRequired[str | None]
    diff: NotRequired[Long | None]
    message: NotRequired[Long | None]
    by_hand: NotRequired[bool]
    repair: NotRequired[Long | None]
    left: NotRequired[Long]
    cause: NotRequired[Cause]
    fields: NotRequired[Annotated[dict[str, Annotated[list[str], Most(100)]], Most(2)]]
    first_seen: NotRequired[Time]
    evidence: NotRequired[Annotated[list[str], Most(20)]]
    duration_s: NotRequired[float]


class MarkedEvent(ResourceEvent):
    """The same of `plan`: `marks` are `[wanted, found]`."""

    marks: tuple[str, str]


class Portrayed(TypedDict):
    """`portray`; a state is an object, None, or a text that says why it can't be observed."""

    states: dict[str, dict[str, Plain] | Long | None]
    orphans: dict[str, str | None]


class Noted(TypedDict):
    """`drift.note`: when the finding was first seen."""

    at: Time | None


class RunAnswer(TypedDict):
    """`run`."""

    status: int
    stdout: bytes
    stderr: bytes


class StreamStatus(TypedDict):
    """`stream`."""

    status: int


class CommandOutput(TypedDict, total=False):
    """What a command has printed."""

    out: NotRequired[bytes]
    err: NotRequired[bytes]


class ErrorDetails(TypedDict):
    """What an agent adds to an error."""

    hint: NotRequired[str | None]
    owner: NotRequired[str | None]
    timed_out: NotRequired[bool]
    within: NotRequired[float]
    asked_by: NotRequired[str]
    file: NotRequired[str]


class Error(TypedDict):
    """Why a call failed."""

    kind: Annotated[str, Most(100)]
    message: Long
    command: NotRequired[Long | None]
    status: NotRequired[int | None]
    output: NotRequired[Long | None]
    details: NotRequired[ErrorDetails | None]


ANSWERS: Mapping[str, Any] = MappingProxyType(
    {
        "open": Opened,
        "facts": dict[str, Plain],
        "projects": dict[str, Identity | None],
        "lease.take": Taken,
        "lease.join": Taken,
        "lease.check": None,
        "lease.give_back": None,
        "lease.force": DamagedLease | LeaseState | None,
        "look.put": None,
        "look.take_away": None,
        "converge": Converged,
        "mend": Mended,
        "history": HostMemory,
        "portray": Portrayed,
        "plan": PlanAnswer,
        "drift.look": Looked,
        "drift.applied": Looked,
        "drift.note": Noted,
        "run": RunAnswer,
        "boot_id": str,
        "reboot": None,
        "stream": StreamStatus,
        "app.status": AppStatus,
        "app.preflight": AppReady,
        "app.changes": AppChanges,
        "app.prepare": AppLacking,
        "app.stage": None,
        "app.share": None,
        "app.install": AppInstalled,
        "app.activate": AppHooks,
        "app.hook": AppHooks,
        "maintenance.on": None,
        "maintenance.off": PageOff,
        "maintenance.status": PageStatus,
        "app.stop": None,
        "app.restart": None,
        "app.adopt": None,
        "app.holds": None,
        "app.roll_back": AppReleased,
        "app.confirm": AppConfirmed,
        "app.pin": None,
        "app.unpin": None,
        "app.check_health": HealthAnswer,
        "drain.status": DrainStatus,
        "drain.begin": None,
        "drain.holds": None,
        "drain.keep": None,
        "drain.end": DrainEnd,
        "migrations.memory": MigrationEntries,
        "migrations.learn": None,
        "migrations.forget": None,
        "migrations.give_up": None,
        "migrations.run": MigrationResult,
        "toggles.look": TogglesLook,
        "toggles.put": TogglesChanged,
        "toggles.try_out": TogglesChanged,
        "toggles.settle": None,
        "toggles.put_back": TogglesChanged,
    }
)
EVENTS: Mapping[str, Any] = MappingProxyType(
    {
        "converge": ResourceEvent,
        "mend": ResourceEvent,
        "plan": MarkedEvent,
        "drift.look": ResourceEvent,
        "drift.applied": ResourceEvent,
        "stream": CommandOutput,
        "run": CommandOutput,
        "app.check_health": HealthAttempt,
    }
)
