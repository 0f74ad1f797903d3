"""Compares a whole environment at two revisions; no host is asked, nothing is written."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, UsageError, did_you_mean
from cdconf.events import Emit, Notice
from cdconf.facts import FactCache
from cdconf.inventory import Environment, Host, Project, load_environment, load_project, select
from cdconf.plans.changes import CatalogComparison, PlannedChange
from cdconf.plans.compiling import Compiled, OfflineCompiler
from cdconf.plans.inputs import Inputs
from cdconf.plans.parallel import spread
from cdconf.plans.secrets import RevisionSecrets
from cdconf.plans.throwaway import lend_throwaway

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.facts import RememberedHost
    from cdconf.plans.revision import Revision
    from cdconf.secrets import Mask


@dataclass(frozen=True)
class Question:
    """What is asked of two revisions: `limit`, `roles` and `extra` are the command line's."""

    environment: str
    limit: str | None = None
    roles: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


class RevisionSide:
    """The environment at one of the two revisions.

    Args:
        revision: The revision.
        question: What is asked.
        checkout: The work tree, for what was seen and generated there.
        mask: Learns the revision's secrets.

    Attributes:
        environment: None when the revision has no such environment.
        hosts: Those that the question is about, by name.

    Raises:
        CdconfError: The revision's files break a rule; `place` in the message names the revision.
    """

    def __init__(self, revision: Revision, question: Question, checkout: Path, mask: Mask) -> None:
        self.revision = revision
        self.mask = mask
        with naming(revision, mask):
            self.project: Project = load_project(revision.root)
            if question.environment not in self.project.environments():
                lend_throwaway(checkout, revision.root, question.environment)
            self.environment: Environment | None = None
            self.hosts: dict[str, Host] = {}
            if question.environment in self.project.environments():
                self.environment = load_environment(self.project, question.environment)
                self.secrets = RevisionSecrets(self.project, self.environment, checkout)
                self.secrets.teach(mask)
                self.compiler = OfflineCompiler(
                    self.project, self.environment, extra=question.extra, secrets=self.secrets, mask=mask
                )
                self.inputs = Inputs(self.project, self._copies(self.environment))

    def _copies(self, environment: Environment) -> tuple[str, ...]:
        above = load_environment(self.project, environment.copy_of) if environment.copy_of else None
        return (environment.name, *(self._copies(above) if above else ()))

    def compile(self, name: str, facts: Mapping[str, Any]) -> Compiled | None:
        """A host, None when the revision doesn't have it."""
        if name not in self.hosts:
            return None
        with naming(self.revision, self.mask):
            return self.compiler.offline(self.hosts[name], facts)


@contextlib.contextmanager
def naming(revision: Revision, mask: Mask) -> Iterator[None]:
    """Errors say at which revision their file is."""
    try:
        yield
    except CdconfError as error:
        if error.file:
            error.file = revision.place(error.file)
        elif revision.commit is not None:
            error.message = f"at {revision.label}: {error.message}"
        error.retell(mask)
        raise


@dataclass(frozen=True)
class HostChange:
    """A host that the inventory describes differently: `fields` is `{name: (before, after)}`."""

    host: str
    fields: dict[str, tuple[Any, Any]]


@dataclass
class FleetPlan:
    """What differs.

    Attributes:
        before: The first revision.
        after: The second one.
        changes: Each difference with the hosts that have it, in the order in which it was met.
        added: Hosts that only the second revision has -> how many resources they get.
        removed: Hosts that only the first one has.
        described: Hosts that are in both, and are described differently.
        groups_added: Groups that have hosts only at the second revision.
        groups_removed: Groups that have hosts only at the first one.
        equal: Host -> how many of its resources are the same.
        ages: Host -> the age in seconds of its facts, None when it was never seen.
    """

    before: RevisionSide
    after: RevisionSide
    changes: dict[PlannedChange, list[str]] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    described: list[HostChange] = field(default_factory=list)
    groups_added: tuple[str, ...] = ()
    groups_removed: tuple[str, ...] = ()
    equal: dict[str, int] = field(default_factory=dict)
    ages: dict[str, float | None] = field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Whether there's anything to say."""
        found = (self.changes, self.added, self.removed, self.described, self.groups_added, self.groups_removed)
        return any(found)

    def side_of(self, change: PlannedChange) -> RevisionSide:
        """The revision whose groups name the change's hosts."""
        return self.before if change.kind == "removed" else self.after


def compare(before: Revision, after: Revision, question: Question, checkout: Path, mask: Mask, emit: Emit) -> FleetPlan:
    """Compiles all hosts at both revisions, and compares them.

    Args:
        before: The first revision.
        after: The second one.
        question: Of which hosts and roles, and with which variables.
        checkout: The work tree: its `.cdconf/` has the facts that were last seen, and generated secrets.
        mask: Learns the secrets of both revisions.
        emit: Gets notices.

    Raises:
        CdconfError: A revision doesn't compile; there's no such environment or host in either.
    """
    plan = FleetPlan(RevisionSide(before, question, checkout, mask), RevisionSide(after, question, checkout, mask))
    sides = [plan.before, plan.after]
    _choose(sides, question)
    _hosts(plan)
    cache = FactCache(checkout / ".cdconf", question.environment)

    def work(names: Sequence[str]) -> tuple[list[_Compared], frozenset[str]]:
        differences = CatalogComparison()
        found = [_compare_host(plan, differences, name, cache.load(name), question.roles) for name in names]
        return found, mask.known()

    for compared, secrets in spread(work, list(dict.fromkeys([*plan.after.hosts, *plan.before.hosts]))):
        mask.learn(secrets)
        for one in compared:
            _note(plan, one)
    _notice_secrets(sides, emit)
    return plan


def _choose(sides: list[RevisionSide], question: Question) -> None:
    """Sets the sides' hosts; a pattern or role need only mean something at one of the revisions."""
    having = [side for side in sides if side.environment is not None]
    if not having:
        known = sorted({name for side in sides for name in side.project.environments()})
        text = f"there is no environment '{question.environment}' at either revision"
        raise UsageError(text, hint=did_you_mean(question.environment, known))
    roles = {role for side in sides for group in side.project.groups.values() for role in group}
    for name in question.roles:
        if name not in roles:
            raise UsageError(f"no group has the role '{name}' at either revision", hint=did_you_mean(name, roles))
    errors = []
    for side in having:
        assert side.environment is not None  # noqa: S101  that's what `having` says
        try:
            side.hosts = {host.name: host for host in select(side.project, side.environment, question.limit)}
        except UsageError as error:
            errors.append(error)
    if len(errors) == len(having):
        raise errors[-1]


def _hosts(plan: FleetPlan) -> None:
    before, after = plan.before, plan.after
    plan.removed = [name for name in before.hosts if name not in after.hosts]
    for name, host in after.hosts.items():
        if name in before.hosts:
            fields = _described(before, before.hosts[name], after, host)
            if fields:
                plan.described.append(HostChange(name, fields))
    old, new = (dict.fromkeys(group for one in side.hosts.values() for group in one.groups) for side in (before, after))
    plan.groups_added = tuple(group for group in new if group not in old)
    plan.groups_removed = tuple(group for group in old if group not in new)


def _described(old_side: RevisionSide, old: Host, new_side: RevisionSide, new: Host) -> dict[str, tuple[Any, Any]]:
    sides = (_flat(old, old_side.revision.root), _flat(new, new_side.revision.root))
    return {name: (sides[0][name], value) for name, value in sides[1].items() if sides[0][name] != value}


def _flat(host: Host, root: Path) -> dict[str, Any]:
    data = dataclasses.asdict(host)
    ssh = {f"ssh.{name}": value for name, value in data.pop("ssh").items()}
    for name in ("ssh.identity_file", "ssh.known_hosts"):
        if ssh[name]:
            ssh[name] = str(ssh[name]).removeprefix(f"{root}/")
    return {name: value for name, value in {**data, **ssh}.items() if name not in ("name", "file", "line")}


@dataclass(frozen=True)
class _Compared:
    """One host, compared: plain data. `resources` are the second revision's, None when it doesn't have the host."""

    name: str
    age: float | None
    changes: list[PlannedChange] | None = None
    resources: int | None = None


def _compare_host(
    plan: FleetPlan, differences: CatalogComparison, name: str, seen: RememberedHost, roles: tuple[str, ...]
) -> _Compared:
    before = plan.before.compile(name, seen.facts)
    same = name in plan.before.hosts and name in plan.after.hosts and _same_inputs(plan, name)
    # From the same files comes the same catalog; most changes concern few of the hosts.
    after = before if same else plan.after.compile(name, seen.facts)
    count = len(after.catalog.resources) + len(after.unknown) if after else None
    if before is None or after is None:
        return _Compared(name, seen.age, None, count)
    changes = differences.of(before, after, same_inputs=same)
    if roles:
        changes = [change for change in changes if _role_of(change) in roles]
    return _Compared(name, seen.age, changes, count)


def _note(plan: FleetPlan, compared: _Compared) -> None:
    plan.ages[compared.name] = compared.age
    if compared.changes is None:
        if compared.resources is not None:
            plan.added[compared.name] = compared.resources
        return
    for change in compared.changes:
        plan.changes.setdefault(change, []).append(compared.name)
    touched = sum(change.after is not None and change.type != "handler" for change in compared.changes)
    plan.equal[compared.name] = (compared.resources or 0) - touched


def _same_inputs(plan: FleetPlan, name: str) -> bool:
    before, after = (side.inputs.of(side.hosts[name]) for side in (plan.before, plan.after))
    return before == after


def _role_of(change: PlannedChange) -> str | None:
    parts = (change.after or change.before or "").split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "roles" else None


def _notice_secrets(sides: list[RevisionSide], emit: Emit) -> None:
    unread = {name: why for side in sides if side.environment for name, why in side.secrets.unread.items()}
    if unread:
        names, reason = ", ".join(sorted(unread)), next(iter(unread.values()))
        text = f"{names} can't be decrypted here, and is compared by what's encrypted: {reason}"
        emit(Notice(text, warning=True))
