"""Provision and plan: every host becomes what its catalog says, or is only looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.catalog.precheck import check_beforehand
from cdconf.deploy.toggles import ToggleKeeper
from cdconf.drift.noting import Noting
from cdconf.engine import Checks, Fleet, Guarded, converge_host, open_fleet
from cdconf.engine.reports import refuse, report
from cdconf.environments import provider_for
from cdconf.errors import DIFFERENT, FAILED, OK, UNREACHABLE, CdconfError, HostFailed, worst_exit
from cdconf.events import Emit, Event, HostDone, ResourceDone, Step
from cdconf.facts import FactCache
from cdconf.inventory.nested_groups import step_of
from cdconf.promotion.policy import guarded_by
from cdconf.provision.look import Checking
from cdconf.provision.options import ProvisionOptions
from cdconf.provision.planned_hosts import HostsToBe
from cdconf.provision.restarts import check_reboot, check_running
from cdconf.secrets.operators import sources_of
from cdconf.session import AgentError

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.session import Session


def provision(
    project: Project,
    environment: Environment,
    make_compiler: Callable[[], Compiler],
    hosts: Sequence[Host],
    emit: Emit,
    options: ProvisionOptions,
) -> int:
    """Makes the hosts that a provider should make, then converges all, group by group.

    Args:
        project: The project.
        environment: The environment.
        make_compiler: Makes the environment's compiler; called while the hosts are being connected to.
        hosts: Which of the environment's hosts.
        emit: The event stream.
        options: See `ProvisionOptions`.

    Returns:
        The exit code.

    Raises:
        CdconfError: Nothing was changed on any host, or everything is said in the events.
    """
    _fetch_secrets(project, environment, make_compiler, hosts)
    smoke_tests = None if options.check else _check_smoke(project, hosts)
    provider = provider_for(project, environment)
    to_be = HostsToBe(project, environment, provider, make_compiler, emit)
    looks = options.check or options.plan or options.mending
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
    guarded = Guarded() if options.check else guarded_by(project)
    checks = Checks(environment, systems=True, take_over=options.take_over, guarded=guarded)
    reason = options.mending.reason if options.mending else "plan" if options.check else "provision"
    connecting = replace(options.connecting, install_python=not (options.check or options.mending))

    def prepare() -> Compiler:
        compiler = make_compiler()
        try:
            compiler.prepare(present)
            compiler.compile_ahead(present)
        except CdconfError as error:
            check_beforehand(compiler, hosts, error)
            raise
        return compiler

    with open_fleet(
        project,
        environment,
        reason,
        emit,
        connecting,
        facts=checks.facts(FactCache(project.data, environment.name).wanted),
        checks=checks,
        # A container ends when it reboots: it's for the provider to start it again.
        locate=lambda host: provider.ensure([host], emit).get(host.name),
    ) as fleet:
        codes = ([UNREACHABLE] if options.releases else [DIFFERENT]) if missing else []
        if options.check:
            return worst_exit(codes + _look(project, fleet, prepare, present, options))
        compilers: list[Compiler] = []
        errors = fleet.connect(present, lease=True, meanwhile=lambda: compilers.append(prepare()))
        refuse(errors, emit)
        options.check_held(fleet, emit)
        if smoke_tests is not None:
            smoke_tests.result()
        if options.plan:
            options.plan.verify(fleet, compilers[0], present, errors)
        codes += [report(emit, name, error) for name, error in errors.items()]
        codes += Provisioning(project, fleet, compilers[0], emit, options).run(present)
    return worst_exit(codes)


def _look(
    project: Project, fleet: Fleet, prepare: Callable[[], Compiler], hosts: Sequence[Host], options: ProvisionOptions
) -> list[int]:
    """Looks at hosts, each once it's connected to; returns exit codes."""
    looks: list[Provisioning] = []

    def ready() -> None:
        looks.append(Provisioning(project, fleet, prepare(), fleet.emit, options))

    def check(session: Session) -> dict[str, Any]:
        return looks[0].job(session)

    def releases(session: Session) -> bool:
        return looks[0].releases(session)

    checking = Checking(project, fleet, check, releases if options.releases else None, options.drained)
    codes, errors = checking.run(hosts, ready)
    if options.applied_from is not None:
        options.applied_from.tell(checking.applied, fleet.emit)
    return codes + [report(fleet.emit, name, error) for name, error in errors.items()]


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


class Provisioning:
    """One run over hosts: converges them group by group, or looks at one."""

    def __init__(
        self, project: Project, fleet: Fleet, compiler: Compiler, emit: Emit, options: ProvisionOptions
    ) -> None:
        self._project = project
        self._fleet = fleet
        self._compiler = compiler
        self._emit = emit
        self._options = options
        self._toggles = ToggleKeeper(project, fleet.environment, skip=compiler.is_partial)
        self._noting = Noting()

    def run(self, hosts: Sequence[Host]) -> list[int]:
        """Returns exit codes, those of hosts and those of the run.

        Groups in cdconf.yml's order; a host belongs to the first of its groups that contains no others. Stops after
        one that failed.
        """
        codes: list[int] = []
        left = {host.name: host for host in hosts}
        for group in self._project.groups:
            members = [host for host in hosts if host.name in left and step_of(host.groups, self._project) == group]
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
        from cdconf.provision.rolling import Careful, serves

        drains = any(app.drain is not None for app in apps)

        mending = self._options.mending
        if mending is not None and mending.later:
            return self._converge(hosts)

        def look(session: Session) -> tuple[bool, bool]:
            if mending is not None:
                return serves(session, apps), mending.would_change(session, self._compiler, self._toggles, apps)
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
        kept = careful.kept() if serving and mending is None else ()
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

    def _converge(self, hosts: Sequence[Host]) -> list[int]:
        results, errors = self._fleet.each(hosts, self.job).split()
        codes = [report(self._emit, name, error) for name, error in errors.items()]
        return codes + [FAILED for result in results.values() if result["failed"]]

    def job(self, session: Session) -> dict[str, Any]:
        """What's done on a host: it's converged, or looked at, and told of."""
        result = self._converge_host(session)
        _done(session.host.name, result["counts"], result["failed"], self._emit)
        return result

    def releases(self, session: Session) -> bool:
        """Looks at a host's releases, and what is to be done about them; returns whether one has drifted."""
        from cdconf.drift import check_releases

        emit, mending = self._emit, self._options.mending
        if mending is not None:
            mending.look(session, self._project.apps_on(session.host), self._toggles)
            emit = mending.marked(emit)
        return check_releases(self._project, self._fleet.environment.name, session, emit, self._noting)

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
        check, mending = self._options.check, self._options.mending
        self._noting.told[session.host.name] = result.get("told", ())
        if mending is not None and mending.later:
            return

        def noted(event: Event) -> None:
            if self._options.releases and check and isinstance(event, ResourceDone):
                event = self._noting.since(session, event)
            emit(event)

        if check or not result["failed"]:
            left = mending.toggles_left if mending else None
            self._toggles.keep(session, noted, result["counts"], check=check, left=left)
        if not result["failed"]:
            if mending is not None and not check:
                mending.restart(session, self._project.apps_on(session.host), emit, result["counts"])
            self._check(check_running, session)

    def _check(self, check: Callable[[Session, Sequence[App], str], None], session: Session) -> None:
        if not self._options.check:
            check(session, self._project.apps_on(session.host), self._fleet.environment.name)


def _done(name: str, counts: dict[str, int], failed: bool, emit: Emit) -> None:
    changed = counts.get("changed") or counts.get("would_change")
    emit(HostDone(name, "failed" if failed else "changed" if changed else "ok"))


__all__ = ["ProvisionOptions", "Provisioning", "provision", "refuse", "report"]
