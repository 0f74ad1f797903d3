"""What two environments look like, and how they differ, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cdconf.inventory import Size

if TYPE_CHECKING:
    from cdconf.inventory import Differs, ToggleValue

Status = Literal["declared", "inherent", "unexplained"]
Kind = Literal["variable", "resource", "fact", "os", "scale", "artifact", "toggle", "orphan"]
ABSENT = "(none)"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value that isn't shown, under a key of the run: equal ones are equal, nothing else can be told."""

    mac: str

    def __str__(self) -> str:
        return "(not shown)"


@dataclass(frozen=True)
class Setting:
    """A variable of a host.

    Attributes:
        value: Evaluated; a secret is sealed.
        text: As it's written, None where no file gives it (a secret).
        source: `file:line`.
        reads: The names that it was made of.
        secret: It's a secret, or made of one.
        roles: The roles that declare it.
        per_environment: Where a role says that each environment has its own, None when none does.
    """

    value: Any
    text: Any
    source: str
    reads: frozenset[str] = frozenset()
    secret: bool = False
    roles: frozenset[str] = frozenset()
    per_environment: str | None = None


@dataclass(frozen=True)
class DesiredResource:
    """A resource of a catalog; `fields` of a sensitive one are sealed. `compared` are the fields that are state.

    `portrayed` are fields of its state that should be alike though nobody asks for a value.
    """

    type: str
    title: str
    fields: Mapping[str, Any]
    source: str
    role: str
    reads: frozenset[str] = frozenset()
    absent: bool = False
    compared: tuple[str, ...] = ()
    portrayed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`package nginx`."""
        return f"{self.type} {self.title}"


@dataclass(frozen=True)
class SeenToggles:
    """An app's toggles file on a host: its values, None where there are none, and what's wrong with it."""

    values: Mapping[str, bool] | None
    problem: str | None = None


@dataclass(frozen=True)
class Sight:
    """What was seen on a host.

    Attributes:
        states: Resource's id -> its state, None when the thing isn't there, or a text: why it couldn't be observed.
        orphans: `type title` of what was applied once -> where the files had it.
        releases: App -> `{"release", "problem"}`.
        toggles: App -> its toggles, of those that declare some.
        unreleased: App -> its services, of those of which the host has never held a release.
    """

    states: Mapping[str, Mapping[str, Any] | str | None] = field(default_factory=dict)
    orphans: Mapping[str, str | None] = field(default_factory=dict)
    releases: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    toggles: Mapping[str, SeenToggles] = field(default_factory=dict)
    unreleased: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Portrait:
    """One host: what it should be, and what was seen of it (`sight`: None for not looked at).

    `facts` are leaves: `os.version` -> value. `facts_read` are the facts that its templates read, `os` for `os.id`.
    `addresses` are those of the copied environment that its catalog holds, declared ones. `names` are the environment's
    own, its provider's, and its hosts' names and addresses. `toggles`: app -> toggle -> what toggles.yml says. `size`
    is what the inventory asks a provider for.
    """

    environment: str
    host: str
    groups: tuple[str, ...]
    os: str | None = None
    source: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    wanted: Mapping[str, DesiredResource] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    facts_read: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    toggles: Mapping[str, Mapping[str, ToggleValue]] = field(default_factory=dict)
    size: Size = field(default_factory=Size)
    sight: Sight | None = None


@dataclass(frozen=True)
class ParitySide:
    """One environment's part of a difference."""

    hosts: tuple[str, ...]
    value: Any
    source: str | None = None


@dataclass(frozen=True)
class ParityFinding:
    """One difference.

    Attributes:
        kind: What differs.
        name: Its name: `server_name`, `package nginx`, `os.version`.
        field: The field of a resource; `exists` when only one side has it.
        group: The group in which it was found.
        ours: The first environment's part.
        theirs: The second one's.
        status: Whether somebody meant it.
        why: The reason of a declared one, what makes an inherent one so, or what's known of an unexplained one.
        causes: The variables and the like that it follows from.
        entry: The entry of `differs` that declares it.
        seen: It's about what was seen on hosts, not about the files.
    """

    kind: Kind
    name: str
    group: str
    ours: ParitySide
    theirs: ParitySide
    status: Status
    field: str | None = None
    why: str | None = None
    causes: tuple[str, ...] = ()
    entry: Differs | None = None
    seen: bool = False


@dataclass(frozen=True)
class Unreleased:
    """Hosts that have never held a release of an app; `everywhere`: no host of their environment has."""

    environment: str
    app: str
    hosts: tuple[str, ...]
    everywhere: bool

    def __str__(self) -> str:
        where = "" if self.everywhere else f" on {', '.join(self.hosts)}"
        return (
            f"{self.environment} has no release of {self.app} yet{where}: what only a deployment brings isn't compared"
        )


@dataclass(frozen=True)
class Comparison:
    """How two environments differ.

    Attributes:
        unmatched: The entries of `differs` that nothing matched.
        unreleased: Apps of which hosts have never held a release.
    """

    ours: str
    theirs: str
    groups: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    findings: tuple[ParityFinding, ...]
    unmatched: tuple[Differs, ...] = ()
    unreleased: tuple[Unreleased, ...] = ()

    def having(self, status: Status) -> list[ParityFinding]:
        """The differences with a status."""
        return [finding for finding in self.findings if finding.status == status]

    @property
    def alike(self) -> bool:
        """Whether every difference is explained, and every entry of `differs` explains one."""
        return not self.unmatched and not self.having("unexplained")
