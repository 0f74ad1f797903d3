"""Provision and plan: every host becomes what its catalog says, or is only looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdconf.engine import Fleet, RunIdentity, converge_host
from cdconf.environments import provider_for
from cdconf.errors import DIFFERENT, FAILED, OK, UNREACHABLE, CdconfError, Unreachable, worst_exit
from cdconf.events import Emit, HostDone, Notice, Step
from cdconf.facts import FactCache
from cdconf.session import Connector

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.session import Session


@dataclass(frozen=True)
class Options:
    """How a run goes about it; see the command line's help."""

    check: bool = False
    forks: int = 32
    accept_new_host_keys: bool = False
    releases: bool = False  # look at apps' releases too: drift


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
    provider = provider_for(project, environment)
    located = provider.locate(hosts) if options.check else provider.ensure(hosts, emit)
    missing = [host.name for host in hosts if host.name not in located]
    for name in missing:
        if options.releases:
            emit(HostDone(name, "unreachable", "it doesn't exist, or doesn't run"))
        else:
            emit(Notice(f"{name} doesn't exist or doesn't run; provision would make or start it"))
            emit(HostDone(name, "not_attempted"))
    present = [located[host.name] for host in hosts if host.name in located]
    identity = RunIdentity("plan" if options.check else "provision")
    connector = Connector(
        project,
        environment,
        emit,
        accept_new_host_keys=options.accept_new_host_keys,
        install_python=not options.check,
        facts=FactCache(project.data, environment.name).wanted,
    )
    with Fleet(connector, environment, identity, emit, forks=options.forks, lease_ttl=project.lease_ttl) as fleet:
        codes = ([UNREACHABLE] if options.releases else [DIFFERENT]) if missing else []
        compilers: list[Compiler] = []

        def prepare() -> None:
            compilers.append(make_compiler())
            compilers[0].prepare(present)

        errors = fleet.connect(present, lease=not options.check, meanwhile=prepare)
        compiler = compilers[0]
        if not options.check:
            refuse(errors)
        codes += [report(emit, name, error) for name, error in errors.items()]
        if options.check:
            codes += _converge(fleet, present, compiler, emit, check=True)
            if options.releases:
                from cdconf.drift import check_releases

                codes += check_releases(project, fleet, present, emit)
        else:
            codes += _group_by_group(fleet, project, present, compiler, emit)
    return worst_exit(codes)


def refuse(errors: dict[str, CdconfError]) -> None:
    """Before anything is changed: a held lease, or a host of another environment, ends the run."""
    for error in errors.values():
        if not isinstance(error, Unreachable):
            raise error


def report(emit: Emit, name: str, error: CdconfError) -> int:
    """Says what became of a host that ended with an error; returns the exit code that it stands for."""
    unreachable = isinstance(error, Unreachable)
    text = f"{error.file}:{error.line}: {error.message}" if error.file else error.message
    if error.detail:
        text = f"{text}\n{error.detail}"
    if error.hint:
        text = f"{text}\n  hint: {error.hint}"
    emit(HostDone(name, "unreachable" if unreachable else "failed", text))
    return error.exit_code


def _group_by_group(fleet: Fleet, project: Project, hosts: Sequence[Host], compiler: Compiler, emit: Emit) -> list[int]:
    """Groups in cdconf.yml's order; a host belongs to the first of its groups. Stops after a group that failed."""
    codes: list[int] = []
    left = {host.name: host for host in hosts}
    for group in project.groups:
        members = [host for host in hosts if host.name in left and group in host.groups]
        if not members:
            continue
        emit(Step(f"{group}: {', '.join(host.name for host in members)}"))
        apps = [app for app in project.apps.values() if group in app.groups]
        if apps:
            codes += _serving(fleet, project, apps, members, compiler, emit)
        else:
            codes += _converge(fleet, members, compiler, emit, check=False)
        lost = [host.name for host in members if host.name not in fleet.sessions]
        for host in members:
            del left[host.name]
        if lost or any(code not in (OK, DIFFERENT) for code in codes):
            for name in left:
                emit(HostDone(name, "not_attempted"))
            break
    return codes


def _serving(
    fleet: Fleet, project: Project, apps: Sequence[App], hosts: Sequence[Host], compiler: Compiler, emit: Emit
) -> list[int]:
    """Hosts that serve an app and would change go batch by batch, health and smoke after each; the others at once."""
    from cdconf.deploy.rollout import split
    from cdconf.deploy.runner import app_document

    def look(session: Session) -> bool:
        counts = converge_host(session, compiler, lambda event: None, check=True)["counts"]
        if not any(counts.get(name) for name in ("would_change", "unknown", "failed")):
            return False
        return any(session.call("app.status", app=app_document(app))["linked"] for app in apps)

    outcome = fleet.each(hosts, look)
    careful = [host for host in hosts if outcome.results.get(host.name)]
    codes = _converge(fleet, [host for host in hosts if host not in careful], compiler, emit, check=False)
    by_name = {host.name: host for host in careful}
    for batch in split(list(by_name), apps[0].batches):
        if any(code not in (OK, DIFFERENT) for code in codes):
            for name in batch:
                emit(HostDone(name, "not_attempted"))
            continue
        members = [by_name[name] for name in batch]
        emit(Step(f"batch: {', '.join(batch)}"))
        codes += _converge(fleet, members, compiler, emit, check=False)
        if not any(codes):
            codes += _prove(fleet, project, apps, members, emit)
    return codes


def _prove(fleet: Fleet, project: Project, apps: Sequence[App], hosts: Sequence[Host], emit: Emit) -> list[int]:
    """Health and smoke of hosts that were just changed."""
    from cdconf.deploy.runner import failure_of, smoke, wait_for_health

    def healthy(session: Session) -> None:
        for app in apps:
            wait_for_health(session, app, emit)

    failures = {name: failure_of(error) for name, error in fleet.each(hosts, healthy).errors.items()}
    failures = failures or smoke(project, fleet.environment, fleet, hosts, emit)
    for name, failure in failures.items():
        emit(HostDone(name, "failed", failure.message))
    return [FAILED for _ in failures]


def _converge(fleet: Fleet, hosts: Sequence[Host], compiler: Compiler, emit: Emit, *, check: bool) -> list[int]:
    def job(session: Session) -> dict[str, Any]:
        result = converge_host(session, compiler, emit, check=check)
        _done(session.host.name, result["counts"], result["failed"], emit)
        return result

    outcome = fleet.each(hosts, job)
    codes = [report(emit, name, error) for name, error in outcome.errors.items()]
    for result in outcome.results.values():
        counts = result["counts"]
        if result["failed"]:
            codes.append(FAILED)
        elif check and any(counts.get(name) for name in ("would_change", "unknown", "orphaned")):
            codes.append(DIFFERENT)
    return codes


def _done(name: str, counts: dict[str, int], failed: bool, emit: Emit) -> None:
    changed = counts.get("changed") or counts.get("would_change")
    emit(HostDone(name, "failed" if failed else "changed" if changed else "ok"))
