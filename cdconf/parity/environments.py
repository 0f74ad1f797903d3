"""Compares two environments: compiles both, looks at the hosts of both, and judges what differs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

from cdconf.catalog import Compiler
from cdconf.engine import USUAL, Connecting, Fleet, open_fleet, remember_facts
from cdconf.engine.reports import report
from cdconf.environments import provider_for
from cdconf.errors import FAILED, CdconfError, InvalidFile, Unreachable, UsageError
from cdconf.events import Emit, Event, HostDone, HostStep, Notice, SecretRead
from cdconf.facts import FactCache, HostFacts, sample, shown_by
from cdconf.inventory import load_environment, load_toggles
from cdconf.lint.differs import check_differs
from cdconf.no_code import is_refused
from cdconf.parity import Comparison, Entries, Portrait, compare, desired, look
from cdconf.parity.look import leaves
from cdconf.secrets.offline import OfflineSecrets

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Host, Project
    from cdconf.session import Session


@dataclass(frozen=True)
class ParityOptions:
    """How to go about it; see the command line's help. `desired_only`: ask no host."""

    connecting: Connecting = USUAL
    desired_only: bool = False


@dataclass
class Likeness:
    """How two environments compare.

    Attributes:
        comparison: Their differences.
        codes: Exit codes of hosts that couldn't be looked at.
        ages: `ENV/HOST` -> the age in seconds of facts that come from the cache.
        others: The apps whose releases differ, and that the deployment isn't about: each passes a gate of its own.
    """

    comparison: Comparison
    codes: list[int] = field(default_factory=list)
    ages: dict[str, float] = field(default_factory=dict)
    others: tuple[str, ...] = ()


class NeverSeen(CdconfError):
    """A host's catalog depends on facts that nobody has seen yet."""


class _Member:
    """One of the two environments, in a run."""

    def __init__(self, project: Project, environment: Environment, emit: Emit, key: str, *, looks: bool) -> None:
        self.project = project
        self.environment = environment
        self.key = key
        self.ages: dict[str, float] = {}
        self.codes: list[int] = []
        self.cache = FactCache(project.data, environment.name)
        self._emit = emit
        self.secrets = OfflineSecrets(project, environment)
        for value in self.secrets.readable():
            emit(SecretRead(value))
        self.compiler = Compiler(project, environment, secrets=self.secrets, looks=looks)
        check_differs(environment, self.compiler.types)
        self.toggles = load_toggles(project, environment.name)
        self.compiler.prepare(list(environment.hosts.values()))
        if looks and is_refused():  # before any host is asked
            self.compiler.compile_ahead(list(environment.hosts.values()))

    @property
    def hosts(self) -> list[Host]:
        return list(self.environment.hosts.values())

    def emit(self, event: Event) -> None:
        """Hosts of both environments have the same names: events name them `ENV/HOST`."""
        if isinstance(event, (HostStep, HostDone)):
            event = replace(event, host=f"{self.environment.name}/{event.host}")
        self._emit(event)

    def portray(self, host: Host, facts: Mapping[str, Any]) -> tuple[Portrait, Any]:
        """See `desired`; when a catalog can't be made of a secret's stand-in, the secret is to blame."""
        try:
            return desired(self.compiler, host, facts, self.key, self.toggles)
        except InvalidFile as error:
            unread = next(iter(self.secrets.unread.values()), None)
            if unread is None:
                raise
            message = f"{host.name} of {self.environment.name} can't be compared: {unread.message}"
            raise CdconfError(message, file=unread.file, line=unread.line, hint=unread.hint) from error

    def sampled(self, host: Host) -> Portrait:
        """The portrait of a host that isn't asked, by the same sample of facts that all others have."""
        return self.portray(host, sample())[0]

    def unseen(self, host: Host) -> Portrait:
        """The portrait of a host that isn't asked, by the facts that were last seen of it.

        Raises:
            NeverSeen: Its catalog depends on facts that never were.
        """
        seen = self.cache.load(host.name)
        portrait, _ = self.portray(host, HostFacts(seen.facts, lambda groups: self._never_seen(host, groups)).mapping)
        if seen.age is not None:
            self.ages[f"{self.environment.name}/{host.name}"] = seen.age
        return replace(portrait, facts=leaves(seen.facts))

    def _never_seen(self, host: Host, groups: Sequence[str]) -> NoReturn:
        command = shown_by(self.environment.name, host.name, groups)
        message = f"{host.name} of {self.environment.name} depends on facts that were never seen: {', '.join(groups)}"
        raise NeverSeen(message, hint=f"`{command}` looks at them")

    def fleet(self, options: ParityOptions) -> Fleet:
        return open_fleet(
            self.project, self.environment, "parity", self.emit, options.connecting, facts=self.cache.wanted
        )

    def observe(self, fleet: Fleet) -> list[Portrait]:
        """Portraits of all hosts; those that can't be reached are reported, and stand for what the files say."""
        provider = provider_for(self.project, self.environment)
        located = provider.locate(self.hosts)
        errors: dict[str, CdconfError] = {}
        errors |= {host.name: provider.absence(host) for host in self.hosts if host.name not in located}

        def job(session: Session) -> Portrait:
            portrait, catalog = self.portray(session.host, session.facts.mapping)
            live = look(session, portrait, catalog, self.key, self.project.apps_on(session.host))
            remember_facts(session, self.project, self.environment, self.emit, keep=True)
            return live

        seen, failed = fleet.look(list(located.values()), job).split()
        errors |= failed
        for error in errors.values():
            if not isinstance(error, Unreachable) and error.file is not None:
                raise error  # a catalog that can't be compiled is nothing about a host
        self.codes += [report(self.emit, name, error) for name, error in errors.items()]
        portraits = []
        for host in self.hosts:
            if host.name in seen:
                portraits.append(seen[host.name])
                self.emit(HostDone(host.name, "ok"))
                continue
            try:
                portraits.append(self.unseen(host))
            except CdconfError as error:
                self._emit(Notice(f"{error}; it isn't compared", warning=True))
                self.codes.append(FAILED if not self.codes else self.codes[0])
        return portraits


def compare_environments(
    project: Project,
    ours: Environment,
    theirs: Environment,
    emit: Emit,
    options: ParityOptions,
    running: Mapping[str, str] | None = None,
) -> Likeness:
    """How two environments differ, in their files and on their hosts; changes nothing.

    Args:
        project: The project.
        ours: The first.
        theirs: The second.
        emit: The event stream; hosts are called `ENV/HOST`.
        options: See `ParityOptions`.
        running: App -> the release that the second one is about to have, in place of those that its hosts have. Other
            apps' releases aren't compared then.

    Raises:
        InvalidFile: A catalog can't be compiled.
        UsageError: It's one and the same.
    """
    if ours.name == theirs.name:
        raise UsageError(f"{ours.name} can't differ from itself", hint="name two environments")
    key = secrets.token_hex(32)
    looks = not options.desired_only
    members = [_Member(project, environment, emit, key, looks=looks) for environment in (ours, theirs)]
    for member in members:
        for notice in member.secrets.notices():
            emit(Notice(notice))
    portraits = _desired(members, emit) if options.desired_only else _observed(members, options)
    others = _others(portraits, running) if running else ()
    if running:
        portraits = [[_without(portrait, others) for portrait in side] for side in portraits]
        portraits[1] = [_about_to_run(portrait, running) for portrait in portraits[1]]
    entries = Entries.between(ours, theirs, lambda name: load_environment(project, name))
    comparison = compare(project, (ours.name, theirs.name), portraits[0], portraits[1], entries)
    codes = [code for member in members for code in member.codes]
    return Likeness(comparison, codes, members[0].ages | members[1].ages, others)


def _desired(members: Sequence[_Member], emit: Emit) -> list[list[Portrait]]:
    """What the files say, by facts that were seen of every host that needs some, or else by one sample for all."""
    try:
        return [[member.unseen(host) for host in member.hosts] for member in members]
    except NeverSeen as error:
        emit(Notice(f"{error}; the files are compared by a sample of facts, the same for all hosts ({error.hint})"))
    for member in members:
        member.ages.clear()
    return [[member.sampled(host) for host in member.hosts] for member in members]


def _observed(members: Sequence[_Member], options: ParityOptions) -> list[list[Portrait]]:
    with ExitStack() as stack:
        fleets = [stack.enter_context(member.fleet(options)) for member in members]
        return [member.observe(fleet) for member, fleet in zip(members, fleets, strict=True)]


def _about_to_run(portrait: Portrait, running: Mapping[str, str]) -> Portrait:
    if portrait.sight is None:
        return portrait
    releases = {
        app: {"release": running[app], "problem": None} if app in running else about
        for app, about in portrait.sight.releases.items()
    }
    return replace(portrait, sight=replace(portrait.sight, releases=releases))


def _others(portraits: Sequence[Sequence[Portrait]], running: Mapping[str, str]) -> tuple[str, ...]:
    """The apps that aren't deployed now, and of which the two run different releases."""
    sides: list[dict[str, set[str | None]]] = [{}, {}]
    for found, side in zip(sides, portraits, strict=True):
        for sight in (portrait.sight for portrait in side if portrait.sight is not None):
            for app, about in sight.releases.items():
                found.setdefault(app, set()).add(about["release"])
    return tuple(app for app in sides[1] if app not in running and sides[0].get(app, sides[1][app]) != sides[1][app])


def _without(portrait: Portrait, apps: Sequence[str]) -> Portrait:
    """The portrait without the names of some apps' releases; what's wrong with them is in it."""
    if portrait.sight is None or not apps:
        return portrait
    releases = {
        app: {**about, "release": None} if app in apps else about for app, about in portrait.sight.releases.items()
    }
    return replace(portrait, sight=replace(portrait.sight, releases=releases))
