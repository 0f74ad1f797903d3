"""Provision and plan: every host becomes what its catalog says, or is only looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.catalog.beforehand import check_beforehand
from cdconf.deploy.hosts_to_be import HostsToBe
from cdconf.deploy.restarts import check_reboot, check_running
from cdconf.deploy.toggles import ToggleKeeper
from cdconf.drift.noting import Noting
from cdconf.engine import Checks, Fleet, Guarded, Inheritance, RunIdentity, converge_host, refusals
from cdconf.environments import provider_for
from cdconf.errors import DIFFERENT, FAILED, OK, UNREACHABLE, CdconfError, HostFailed, Unreachable, worst_exit
from cdconf.events import Emit, Event, HostDone, ResourceDone, Step
from cdconf.facts import FactCache
from cdconf.promotion.policy import guarded_by
from cdconf.secrets.operators import sources_of
from cdconf.session import AgentError, Connector

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.deploy.applied_from import AppliedFrom
    from cdconf.deploy.drained import Drained
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.plans.applying import Applying
    from cdconf.plans.looking import Recorder
    from cdconf.session import Session
    from cdconf.session.answers import Applied


@dataclass(frozen=True)
class Options:
    """How a run goes about it; see the command line's help."""

    check: bool = False
    forks: int = 32
    accept_new_host_keys: bool = False
    releases: bool = False  # look at apps' releases too: drift
    drained: Drained | None = None  # gets what hosts have drained: drift
    prune: bool = False  # remove what was applied once and has gone from the files
    plan: Applying | None = None  # apply this plan, or nothing
    from_snapshot: bool = False  # start new hosts from images of converged ones
    record: Recorder | None = None  # keep what was found
    take_over: frozenset[str] = frozenset()  # hosts that may have been another environment's
    held: Callable[[], None] = lambda: None  # called once the hosts are held, before anything is changed on them
    applied_from: AppliedFrom | None = None  # compares these files with those that hosts were provisioned from

    @property
    def converge(self) -> Callable[..., dict[str, Any]]:
        """What's done to each host; see `converge_host`."""
        if self.releases:
            return partial(converge_host, drift=True)
        return self.plan.converge if self.plan else self.record or converge_host

    def check_held(self, fleet: Fleet, emit: Emit) -> None:
        """Once hosts are held, before anything is changed on them; raises what keeps the run from going on."""
        if self.applied_from is not None:
            self.applied_from.check(fleet.applied, emit)
        self.held()


def provision(
    project: Project,
    environment: Environment,
    make_compiler: Callable[[], Compiler],
    hosts: Sequence[Host],
    emit: Emit,
    options: Options,
) -> int:
    """Makes the hosts that a provider should make, then converges all, group by group.

    Args:
        project: The project.
        environment: The environment.
        make_compiler: Makes the environment's compiler; called while the hosts are being connected to.
        hosts: Which of the environment's hosts.
        emit: The event stream.
        options: See `Options`.

    Returns:
        The exit code.

    Raises:
        CdconfError: Nothing was changed on any host, or everything is said in the events.
    """
    _fetch_secrets(project, environment, make_compiler, hosts)
    smoke_tests = None if options.check else _check_smoke(project, hosts)
    provider = provider_for(project, environment)
    to_be = HostsToBe(project, environment, provider, make_compiler, emit)
    looks = options.check or options.plan
    located = provider.locate(hosts) if looks else to_be.made(hosts, from_snapshot=options.from_snapshot)
    missing = [host for host in hosts if host.name not in located]
    if options.plan:
        options.plan.refuse_missing({host.name: provider.absence(host) for host in missing})
    if options.releases:
        for host in missing:
            report(emit, host.name, provider.absence(host))
    elif missing:
        to_be.tell(missing)
    present = [located[host.name] for host in hosts if host.name in located]
    identity = RunIdentity("plan" if options.check else "provision")
    guarded = Guarded() if options.check else guarded_by(project)
    checks = Checks(environment, systems=True, take_over=options.take_over, guarded=guarded)
    connector = Connector(
        project,
        environment,
        emit,
        accept_new_host_keys=options.accept_new_host_keys,
        install_python=not options.check,
        facts=checks.facts(FactCache(project.data, environment.name).wanted),
    )
    with Fleet(
        connector,
        environment,
        identity,
        emit,
        forks=options.forks,
        lease_ttl=project.lease_ttl,
        # A container ends when it reboots: it's for the provider to start it again.
        locate=lambda host: provider.ensure([host], emit).get(host.name),
        inheritance=Inheritance(project.name, environment.name),
        checks=checks,
    ) as fleet:
        codes = ([UNREACHABLE] if options.releases else [DIFFERENT]) if missing else []
        compilers: list[Compiler] = []

        def prepare() -> None:
            compilers.append(make_compiler())
            try:
                compilers[0].prepare(present)
                compilers[0].compile_ahead(present)
            except CdconfError as error:
                check_beforehand(compilers[0], hosts, error)
                raise

        errors = fleet.connect(present, lease=not options.check, meanwhile=prepare)
        if not options.check:
            refuse(errors, emit)
            options.check_held(fleet, emit)
        if smoke_tests is not None:
            smoke_tests.result()
        if options.plan:
            options.plan.verify(fleet, compilers[0], present, errors)
        codes += [report(emit, name, error) for name, error in errors.items()]
        codes += Provisioning(project, fleet, compilers[0], emit, options).run(present)
    return worst_exit(codes)


def _fetch_secrets(
    project: Project, environment: Environment, make_compiler: Callable[[], Compiler], hosts: Sequence[Host]
) -> None:
    """A source of secrets that's down ends the run before any host is held, or made."""
    if sources_of(project, environment):  # without any, the compiler is made while hosts are being connected to
        make_compiler().fetch_secrets(hosts)


def _check_smoke(project: Project, hosts: Sequence[Host]) -> Future[None] | None:
    """Hosts that serve an app are tested after they were changed: tests that can't be run end the run before.

    Collecting them takes about as long as connecting to hosts, and goes on beside it.
    """
    members = [host for host in hosts if project.apps_on(host)]
    if not members:
        return None
    from cdconf.deploy.verify import check_smoke

    pool = ThreadPoolExecutor(1, thread_name_prefix="cdconf-collect")
    collected = pool.submit(check_smoke, project, members, needed=False)
    pool.shutdown(wait=False)
    return collected


def refuse(errors: dict[str, CdconfError], emit: Emit) -> None:
    """Before anything is changed: a held lease, or a host that isn't the right one, ends the run.

    Hosts that are unreachable as well, or where no agent can be started, are told, and count.
    """
    found = refusals(errors)
    if not found:
        return
    for name, error in errors.items():
        if error not in found:
            report(emit, name, error)
    first, *others = found
    if others:
        first.detail = "\n".join(filter(None, [first.detail, *(f"also: {error}" for error in others)]))
    raise first


def report(emit: Emit, name: str, error: CdconfError) -> int:
    """Says what became of a host that ended with an error; returns the exit code that it stands for."""
    unreachable = isinstance(error, Unreachable)
    text = f"{error.place}{error.message}"
    if error.detail:
        text = f"{text}\n{error.detail}"
    if error.hint:
        text = f"{text}\n  hint: {error.hint}"
    emit(HostDone(name, "unreachable" if unreachable else "failed", text))
    return error.exit_code


class Provisioning:
    """One run over hosts that are connected: looks at them all, or converges them group by group."""

    def __init__(self, project: Project, fleet: Fleet, compiler: Compiler, emit: Emit, options: Options) -> None:
        self._project = project
        self._fleet = fleet
        self._compiler = compiler
        self._emit = emit
        self._options = options
        self._toggles = ToggleKeeper(project, fleet.environment, skip=compiler.is_partial)
        self._noting = Noting()

    def run(self, hosts: Sequence[Host]) -> list[int]:
        """Returns exit codes, those of hosts and those of the run."""
        if not self._options.check:
            return self._group_by_group(hosts)
        applied: dict[str, Applied | None] = {}
        codes = self._converge(self._fleet.connected(hosts), applied)
        if self._options.applied_from is not None:
            self._options.applied_from.tell(applied, self._emit)
        if self._options.releases:
            from cdconf.drift import check_releases

            found, errors = check_releases(self._project, self._fleet, hosts, self._emit, self._noting)
            if self._options.drained is not None:
                errors |= self._options.drained.look(self._project, self._fleet, hosts)
            codes += [*found, *(report(self._emit, name, error) for name, error in errors.items())]
        return codes

    def _group_by_group(self, hosts: Sequence[Host]) -> list[int]:
        """Groups in cdconf.yml's order; a host belongs to the first of its groups. Stops after one that failed."""
        codes: list[int] = []
        left = {host.name: host for host in hosts}
        for group in self._project.groups:
            members = [host for host in hosts if host.name in left and group in host.groups]
            if not members:
                continue
            self._emit(Step(f"{group}: {', '.join(host.name for host in members)}"))
            codes += self._by_apps(self._fleet.connected(members))
            lost = [host.name for host in members if host.name not in self._fleet.sessions]
            for host in members:
                del left[host.name]
            if lost or any(code not in (OK, DIFFERENT) for code in codes):
                for name in left:
                    self._emit(HostDone(name, "not_attempted"))
                break
        return codes

    def _by_apps(self, hosts: Sequence[Host]) -> list[int]:
        """Hosts that have the same apps, together, those without first; whatever group they come in with.

        A handler of an app must find its host drained, also where the host's first group isn't the app's.
        """
        together: dict[tuple[str, ...], list[Host]] = {(): []}
        for host in hosts:
            together.setdefault(tuple(app.name for app in self._project.apps_on(host)), []).append(host)
        codes: list[int] = []
        for names, members in together.items():
            if any(code not in (OK, DIFFERENT) for code in codes):
                for host in members:
                    self._emit(HostDone(host.name, "not_attempted"))
            elif members:
                apps = [self._project.apps[name] for name in names]
                codes += self._serving(apps, members) if apps else self._converge(members)
        return codes

    def _serving(self, apps: Sequence[App], hosts: Sequence[Host]) -> list[int]:
        """Hosts that serve an app and would change go batch by batch, as in a deployment; others at once.

        So do hosts that are kept out of use: they're put back once they prove well. When it can't be told of a host
        whether it serves, or would change, none is changed.
        """
        from cdconf.deploy.careful import Careful, serves

        drains = any(app.drain is not None for app in apps)

        def look(session: Session) -> tuple[bool, bool]:
            prune = self._options.prune
            counts = converge_host(session, self._compiler, lambda event: None, check=True, prune=prune)["counts"]
            differs = any(counts.get(name) for name in ("would_change", "unknown", "failed"))
            differs = differs or self._toggles.differ(session)
            return (differs or drains) and serves(session, apps), differs

        found, errors = self._fleet.each(hosts, look).split()
        if errors:
            return self._unlooked(hosts, errors)
        careful = Careful(self._project, self._fleet, apps, self._converge, self._emit, self._compiler.mask)
        serving = [host for host in hosts if found[host.name][0]]
        kept = careful.kept() if serving else ()
        slow = [host for host in serving if found[host.name][1] or host.name in kept]
        codes = self._converge([host for host in hosts if host not in slow])
        if slow and not any(code not in (OK, DIFFERENT) for code in codes):
            return codes + careful.run(slow)
        for host in slow:
            self._emit(HostDone(host.name, "not_attempted"))
        return codes

    def _unlooked(self, hosts: Sequence[Host], errors: Mapping[str, CdconfError]) -> list[int]:
        """Hosts of which some couldn't be looked at: none of them is changed."""
        for host in hosts:
            if host.name not in errors:
                self._emit(HostDone(host.name, "not_attempted"))
        return [report(self._emit, name, error) for name, error in errors.items()]

    def _converge(self, hosts: Sequence[Host], applied: dict[str, Applied | None] | None = None) -> list[int]:
        """Converges hosts; `applied` learns what those that are only looked at remember."""
        check = self._options.check

        def job(session: Session) -> dict[str, Any]:
            result = self._converge_host(session)
            _done(session.host.name, result["counts"], result["failed"], self._emit)
            return result

        results, errors = self._fleet.each(hosts, job).split()
        codes = [report(self._emit, name, error) for name, error in errors.items()]
        for name, result in results.items():
            if applied is not None:
                applied[name] = result.get("applied")
            counts = result["counts"]
            if result["failed"]:
                codes.append(FAILED)
            elif check and any(counts.get(name) for name in ("would_change", "unknown", "orphaned")):
                codes.append(DIFFERENT)
        return codes

    def _converge_host(self, session: Session) -> dict[str, Any]:
        """Converges one host; one that asks for a reboot gets it, and the rest of its catalog when it's back."""
        told: set[tuple[str, str, str | None]] = set()
        rebooted: set[str] = set()
        changed = False
        about = self._options.applied_from
        complete = not self._compiler.is_partial
        files = about.files(session.host.name, complete=complete) if about and not self._options.check else None

        def emit(event: Event) -> None:
            nonlocal changed
            if isinstance(event, ResourceDone):
                key = (event.type, event.title, event.source)
                if key in told and event.status in ("ok", "orphaned", "skipped"):
                    return  # the first half of the catalog, again after a reboot
                told.add(key)
                changed = changed or event.status == "changed"
            self._emit(event)

        while True:
            try:
                result = self._options.converge(
                    session, self._compiler, emit, check=self._options.check, prune=self._options.prune, files=files
                )
            except AgentError as error:
                if error.reason != "rebooting":
                    raise
                if error.details["asked_by"] in rebooted:
                    message = f"{error.details['asked_by']} asks for a reboot right after the one that it got"
                    raise HostFailed(message, host=session.host.name, hint="what it looks at must go away") from None
                self._check(check_reboot, session)
                rebooted.add(error.details["asked_by"])
                session = self._fleet.reboot(session, float(error.details["within"]))
                continue
            self._after(session, emit, result)
            if changed:
                result["counts"]["changed"] = max(1, result["counts"].get("changed", 0))
            return result

    def _after(self, session: Session, emit: Emit, result: dict[str, Any]) -> None:
        """Toggles, and whether apps run; of a host that's only looked at a failed resource hides neither."""
        self._noting.told[session.host.name] = result.get("told", ())

        def noted(event: Event) -> None:
            if self._options.releases and isinstance(event, ResourceDone):
                event = self._noting.since(session, event)
            emit(event)

        if self._options.check or not result["failed"]:
            self._toggles.keep(session, noted, result["counts"], check=self._options.check)
        if not result["failed"]:
            self._check(check_running, session)

    def _check(self, check: Callable[[Session, Sequence[App], str], None], session: Session) -> None:
        if not self._options.check:
            check(session, self._project.apps_on(session.host), self._fleet.environment.name)


def _done(name: str, counts: dict[str, int], failed: bool, emit: Emit) -> None:
    changed = counts.get("changed") or counts.get("would_change")
    emit(HostDone(name, "failed" if failed else "changed" if changed else "ok"))
