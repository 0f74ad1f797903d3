"""What proves a release on hosts: health checks and smoke tests, and that these can be run at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.deploy.host_failure import failure_of
from cdconf.deploy.rollout import Failure
from cdconf.errors import CdconfError, InvalidFile, first_line
from cdconf.events import Emit, HostStep, Notice, OwnCodeRan, Step
from cdconf.roles import smoke_errors, smoke_files
from cdconf.smoke.packages import installed
from cdconf.smoke.runner import SmokeReport, check_runnable, run_smoke

if TYPE_CHECKING:
    from pathlib import Path

    from cdconf.deploy.deciding_tests import Deciding
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Environment, Host, Project
    from cdconf.session import Session
    from cdconf.session.app_answers import HealthAttempt


def wait_for_health(session: Session, app: App, emit: Emit) -> None:
    """Waits until the app is healthy on a host; raises `AgentError` when it isn't in time."""
    if app.health is None:
        return

    def say(event: HealthAttempt) -> None:
        problem = first_line(str(event["problem"]))
        words = f"health (attempt {event['attempt']}, {event['left_s']:.0f} s left): {problem}"
        emit(HostStep(session.host.name, words))

    emit(HostStep(session.host.name, "waiting for health"))
    names = list(app.services)
    session.app_check_health(on_event=say, check=app.health.as_check(), within=app.health.within, names=names)


def smoke(
    project: Project,
    environment: Environment,
    fleet: Fleet,
    hosts: Sequence[Host],
    emit: Emit,
    deciding: Deciding | None = None,
) -> dict[str, Failure]:
    """Runs the smoke tests of all roles of these hosts, on these hosts.

    Args:
        project: The project.
        environment: The environment.
        fleet: Connected to the hosts.
        hosts: The hosts.
        emit: The event stream.
        deciding: Which tests' failures are only warned of; None: none's.

    Returns:
        The failures by host; a problem that is nobody's in particular is the first host's.
    """
    report = _report(project, environment, fleet, hosts, emit)
    result = {}
    for name, tests in report.failed.items():
        host = name or hosts[0].name
        if host in report.unreachable:
            continue  # they say nothing of it
        excuses = {test: deciding.excuse(host, test) if deciding else None for test in tests}
        for test, why in excuses.items():
            if why is not None:
                emit(Notice(f"{host}: {test} failed, which doesn't decide here: {why}", warning=True))
        failed = [test for test, why in excuses.items() if why is None]
        if failed:
            result[host] = Failure(f"smoke tests failed: {', '.join(failed)}", verdict=True)
    for name, error in report.unreachable.items():
        result[name] = Failure(error.message, verdict=False, unreachable=True)
    for name, reasons in report.uncollected.items():
        text = "the smoke tests can't be collected:\n" + "\n".join(reasons)
        result.setdefault(name, Failure(text, verdict=False))
    if report.problem is not None and not result:
        result[hosts[0].name] = Failure(report.problem, verdict=False)
    return result


def failed_before(
    project: Project, fleet: Fleet, hosts: Sequence[Host], deciding: Deciding, emit: Emit
) -> dict[str, list[str]]:
    """The tests of roles that are no app's which fail now, before anything is changed: by host.

    What couldn't be run isn't among them, and decides later.
    """
    shared = deciding.shared(dict.fromkeys(role for host in hosts for role in roles_of(project, host)))
    if not smoke_files(project.root, shared):
        return {}
    emit(Step(f"smoke tests before the change: {', '.join(host.name for host in hosts)}"))
    report = _report(project, fleet.environment, fleet, hosts, lambda event: None, shared)
    for name, tests in report.failed.items():
        emit(Notice(f"{name}: failed already before anything was changed: {', '.join(tests)}", warning=True))
    return report.failed


def _report(
    project: Project,
    environment: Environment,
    fleet: Fleet,
    hosts: Sequence[Host],
    emit: Emit,
    only: Collection[str] | None = None,
) -> SmokeReport:
    roles = _tested_on(project, hosts, only)

    def on(name: str) -> Callable[..., Mapping[str, Any]]:
        def run(command: str, user: str | None = None) -> Mapping[str, Any]:
            whose = {} if user is None else {"user": user}
            return fleet.sessions[name].run(command, timeout=120, **whose)

        return run

    known = _known(environment.hosts.values())
    run_on = {host.name: on(host.name) for host in hosts}
    try:
        packages = _packages(project)
    except CdconfError as error:
        return SmokeReport(problem="\n".join(filter(None, (str(error), error.detail))))
    report = run_smoke(project.root, roles, known, environment.name, run_on, emit, fleet.lend(), packages)
    emit(OwnCodeRan("the smoke tests", report.isolated, report.why))
    return report


def _packages(project: Project) -> Path | None:
    """The directory with what the project's smoke tests import; None when that's nothing of its own."""
    file = project.smoke_packages
    return None if file is None else installed(project.root, project.data, file)


def _tested_on(project: Project, hosts: Sequence[Host], only: Collection[str] | None = None) -> dict[str, list[str]]:
    """Role -> the hosts that have it."""
    roles: dict[str, list[str]] = {}
    for host in hosts:
        for role in roles_of(project, host):
            if only is None or role in only:
                roles.setdefault(role, []).append(host.name)
    return roles


def _known(hosts: Iterable[Host]) -> dict[str, dict[str, Any]]:
    """What tests may know of hosts."""
    return {host.name: {"name": host.name, "address": host.address, "groups": list(host.groups)} for host in hosts}


def unhealthy(
    fleet: Fleet, apps: Sequence[App], hosts: Sequence[Host], emit: Emit, deciding: Deciding | None = None
) -> dict[str, Failure]:
    """Waits for the health of apps on hosts, where `deciding` says which a host serves for these; failures by host."""
    here = deciding.here if deciding is not None else {}

    def healthy(session: Session) -> None:
        for app in apps:
            if app.runs_on(session.host) and app.name in here.get(session.host.name, (app.name,)):
                wait_for_health(session, app, emit)

    _, errors = fleet.each(hosts, healthy).split()
    return {name: failure_of(error) for name, error in errors.items()}


def unproven(
    project: Project,
    fleet: Fleet,
    apps: Sequence[App],
    hosts: Sequence[Host],
    emit: Emit,
    deciding: Deciding | None = None,
) -> dict[str, Failure]:
    """Why hosts that serve apps don't prove well, by host: health checks, then the smoke tests of those that are well.

    Whoever can't be asked, or tested, isn't proven.
    """
    failures = unhealthy(fleet, apps, hosts, emit, deciding)
    healthy = [host for host in hosts if host.name not in failures]
    if healthy:
        tested = smoke(project, fleet.environment, fleet, healthy, emit, deciding)
        problem = next(
            (failure for failure in tested.values() if not failure.verdict and not failure.unreachable), None
        )
        if problem is not None:  # the tests couldn't run, which says nothing good of any host
            tested = {host.name: problem for host in healthy} | tested
        failures |= tested
    return failures


def roles_of(project: Project, host: Host) -> list[str]:
    """The roles of a host's groups, each once."""
    return list(dict.fromkeys(name for group in host.groups for name in project.groups[group]))


def check_smoke(project: Project, hosts: Sequence[Host], *, needed: bool = True) -> None:
    """Finds out before anything is touched what would keep the smoke tests from running afterwards.

    Args:
        project: The project.
        hosts: Whose tests would run.
        needed: Whether a host without tests is an error.

    Raises:
        InvalidFile: A test file isn't Python; a host has no smoke test.
        CdconfError: The tests can't be collected; this machine has no place for what they need.
    """
    roles = _tested_on(project, hosts)
    for error in smoke_errors(project.root, roles):
        raise error
    for host in hosts if needed else ():
        own = roles_of(project, host)
        if not smoke_files(project.root, own):
            raise InvalidFile(
                f"{host.name} has no smoke tests, so a deployment couldn't be verified on it",
                file="cdconf.yml",
                hint=f"write roles/ROLE/smoke/test_*.py in one of its roles: {', '.join(own) or 'it has none yet'}",
            )
    check_runnable(project.root, roles, _known(hosts), _packages(project))
