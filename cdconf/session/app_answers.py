"""What an agent may answer about apps: their releases, drains, migrations and toggles; and what it remembers of them.

Names follow what the host keeps, see `cdconf.agent.records.formats`.
"""

from typing import Annotated, Literal, NotRequired, TypedDict

from cdconf.session.typed import Count, Digest, Long, Most, Time, Version


class Activating(TypedDict):
    """What a run activates, or was at."""

    to: str
    run: str | None
    at: NotRequired[Time]
    back: NotRequired[bool]
    stopped: NotRequired[list[str]]


class Unit(TypedDict):
    """How one of an app's services gets to a release, and in which ones its processes work; None: nobody can tell."""

    activate: str
    works_in: list[str] | None


class Release(TypedDict):
    """A release on a host."""

    version: Version
    archive: str
    tree: str
    staged_at: Time
    shared: NotRequired[list[str]]
    packages: NotRequired[dict[str, str]]


class Pin(TypedDict):
    """An artifact that a host refuses."""

    reason: str | None
    version: str | None
    at: Time


class Confirmed(TypedDict):
    """The last release that was confirmed."""

    release: str
    run: str | None
    at: Time
    back: NotRequired[bool]
    canary: NotRequired[bool]


class Reverted(TypedDict):
    """What the host took back by itself."""

    release: str
    to: str | None
    run: str | None
    at: Time
    problem: NotRequired[Long | None]


class Begun(TypedDict):
    """What was staged last, and nothing after it."""

    release: str
    run: str


class Recent(TypedDict):
    """One of the last runs."""

    owner: str | None
    reason: str | None
    events: list[str]


class Deployed(TypedDict):
    """The deployment that brought a release into use."""

    owner: str
    at: Time
    run: NotRequired[str | None]
    procedure: NotRequired[str | None]


class FailedProvision(TypedDict):
    """The last provision, which failed."""

    at: Time
    owner: str | None
    run: str | None


class Migration(TypedDict):
    """An entry of a host's memory of migrations, see `cdconf.agent.migrations.migrations`."""

    phase: Literal["expand", "contract"]
    tree: str
    number: float
    state: Literal["begun", "failed", "done"]
    order: float
    release: str | None
    version: str | None
    command: str | None
    host: str | None
    run: str | None
    began: Time | None
    ended: Time | None
    status: float | None
    forgotten: list[str]


class LedgerPage(TypedDict):
    """An app's page of a host's ledger."""

    current: str | None
    verified: list[str]
    activating: Activating | None
    releases: dict[str, Release]
    pinned: dict[str, Pin]
    confirmed: Confirmed | None
    reverted: Reverted | None


class AppStatus(LedgerPage):
    """`app.status`."""

    linked: str | None
    services: NotRequired[dict[str, str]]
    units: NotRequired[dict[str, Unit]]
    problem: Long | None
    begun: Begun | None
    recent: dict[str, Recent]
    deployed: Deployed | None
    provision_failed: FailedProvision | None
    reverts_in_s: float | None
    migrations: list[Migration]


class PastEvent(TypedDict):
    """What happened to an app on a host."""

    at: Time
    event: str
    run: NotRequired[str | None]
    owner: NotRequired[str | None]
    reason: NotRequired[str | None]
    release: NotRequired[str]
    version: NotRequired[str]
    archive: NotRequired[str]
    to: NotRequired[str]
    why: NotRequired[str]
    procedure: NotRequired[str]
    back: NotRequired[bool]
    fence: NotRequired[Count]


class PastPage(LedgerPage):
    """The same page with its events."""

    events: list[PastEvent]


class Provision(TypedDict):
    """A provision that a host remembers."""

    at: Time
    counts: dict[str, Count]
    failed: bool
    catalog: NotRequired[str | None]
    run: NotRequired[str | None]
    owner: NotRequired[str | None]
    reason: NotRequired[str | None]
    fence: NotRequired[Count]
    commit: NotRequired[str | None]
    dirty: NotRequired[bool]


class HostMemory(TypedDict):
    """`history`."""

    apps: dict[str, PastPage]
    provisions: list[Provision]


class AppReady(TypedDict):
    """`app.preflight`; `held` are names and tree digests."""

    whole: bool
    held: list[tuple[str, Digest]]


class AppChanges(TypedDict):
    """`app.changes`; `files` are what and path."""

    count: Count
    files: Annotated[list[tuple[Literal["changed", "missing", "added", "replaced"], str]], Most(1000)]


class AppLacking(TypedDict):
    """`app.prepare`; runs of chunks, first and count."""

    lacking: list[tuple[Count, Count]] | None


class PageShown(TypedDict):
    """An app's maintenance page that a host shows."""

    since: Time
    until: Time
    owner: str | None
    reason: str | None
    problem: Long | None


class PageStatus(TypedDict):
    """`maintenance.status`."""

    on: PageShown | None


class PageOff(TypedDict):
    """`maintenance.off`."""

    was_on: bool


class HookTold(TypedDict):
    """What came of a hook."""

    hook: str
    problem: Long | None
    output: Long
    began: NotRequired[bool]


class AppHooks(TypedDict):
    """`app.activate`, `app.hook`."""

    hooks: NotRequired[list[HookTold]]


class Installed(TypedDict):
    """Packages of a release; `made`: they weren't there before."""

    path: str
    made: bool
    seconds: float


class AppInstalled(TypedDict):
    """`app.install`."""

    packages: list[Installed]


class AppReleased(AppHooks):
    """`app.roll_back`."""

    release: str | None


class AppConfirmed(TypedDict):
    """`app.confirm`."""

    removed: NotRequired[list[str]]


class HealthAnswer(TypedDict):
    """`app.check_health`."""

    waited_s: NotRequired[float]
    attempts: NotRequired[int]


class HealthAttempt(TypedDict):
    """A look at an app's health that it didn't pass."""

    attempt: int
    left_s: float
    problem: Long


class KeptHost(TypedDict):
    """Why a drained host is kept out of use."""

    at: Time
    run: NotRequired[str | None]
    reason: NotRequired[str | None]


class DrainedHost(TypedDict):
    """A host that's out of use."""

    address: str
    at: Time
    kept: NotRequired[KeptHost | None]


class DrainStatus(TypedDict):
    """`drain.status`."""

    hosts: dict[str, DrainedHost]
    run: str | None
    expires_in_s: float | None
    problem: Long | None
    applied: bool


class DrainEnd(TypedDict):
    """`drain.end`; texts by host."""

    ended: list[str]
    failed: dict[str, Long]
    kept: NotRequired[dict[str, str | None]]


class MigrationEntries(TypedDict):
    """`migrations.memory`."""

    entries: list[Migration]


class MigrationResult(TypedDict):
    """`migrations.run`."""

    entry: Migration
    output: Long
    problem: Long | None


class Trial(TypedDict):
    """Who tries toggles out."""

    run: str | None
    owner: str | None
    at: Time


class Since(TypedDict):
    """Since when, and by whom, a toggle is as it is."""

    at: Time
    owner: str | None


class TogglesLook(TypedDict):
    """`toggles.look`."""

    values: dict[str, bool] | None
    problem: Long | None
    last: dict[str, bool] | None
    since: dict[str, Since]
    trial: Trial | None
    unproven: list[str]
    reload_due: bool


class TogglesChanged(TypedDict):
    """`toggles.put`, `toggles.try_out`, `toggles.put_back`."""

    changed: NotRequired[bool | None]
