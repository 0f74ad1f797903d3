"""`cdconf smoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import (
    connection_options,
    limit_option,
    output_options,
    project_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdconf.cli.context import Run
    from cdconf.deploy.rollout import Failure
    from cdconf.events import HostStatus
    from cdconf.inventory import Host


@click.command()
@environment_argument
@project_options
@limit_option
@connection_options
@click.option("--junit", metavar="FILE", type=click.Path(dir_okay=False), help="Write JUnit XML.")
@click.option(
    "--stage",
    metavar="NAME",
    help="Sign how long the hosts of this stage have had their releases; fail if that isn't possible.",
)
@output_options
def command(environment: str, junit: str | None, stage: str | None, **flags: Any) -> None:
    """Run the roles' smoke tests (testinfra) on ENV's hosts. If pytest finds no test, the run fails.

    If ENV belongs to a stage of the pipeline and the stage's key is on this machine, a successful run also signs how
    long the hosts have had their releases. `soak` counts that time. With --stage, the run fails if it can't sign. A
    failed run stops the artifacts that run there.

    Example: cdconf smoke staging --junit smoke.xml
    """
    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.plan_file import check_out
    from cdconf.cli.promotion_checks import smoke_run
    from cdconf.deploy.verify import smoke
    from cdconf.errors import FAILED, worst_exit
    from cdconf.events import HostDone

    check_out(junit, "--junit")
    with run_of("smoke", environment, flags) as run:
        hosts = run.selected()
        line = smoke_run(run, stage)
        run.start(hosts)
        with fleet_of(run, hosts) as fleet:
            live = [session.host for session in fleet.sessions.values()]
            line.look(fleet, live)
            failures = smoke(run.project, run.environment, fleet, live, run.emit) if live else {}
            line.ended(fleet, _red(run, live, failures) if line.speaks else {}, failures)
        was_tested = any(result.smoke for result in run.collector.hosts.values())
        for host in live:
            failure = failures.get(host.name)
            status: HostStatus = "failed" if failure else "ok" if was_tested or not failures else "not_attempted"
            run.emit(HostDone(host.name, status, failure.message if failure else None))
        run.code = worst_exit([run.code, FAILED if failures else 0])
        if junit:
            from cdconf.render.junit import write

            write(junit, run.environment.name, run.collector.hosts, run.mask)


def _red(run: Run, hosts: Sequence[Host], failures: Mapping[str, Failure]) -> dict[str, dict[str, str]]:
    """App -> host -> why it doesn't prove well there: by the failed tests that decide over the app."""
    from cdconf.deploy.deciding_tests import deciding

    results = run.collector.hosts
    failed = {
        name: [smoke_done.test for smoke_done in results[name].smoke if not smoke_done.passed]
        for name in failures
        if name in results
    }
    found: dict[str, dict[str, str]] = {}
    for app in run.project.apps.values():
        here = [host for host in hosts if app.runs_on(host) and host.name in failed and failures[host.name].verdict]
        decides = deciding(run.project, run.environment, [app], here, run.emit) if here else None
        for host in here:
            tests = [test for test in failed[host.name] if decides is None or decides.excuse(host.name, test) is None]
            if tests:
                found.setdefault(app.name, {})[host.name] = f"smoke tests failed: {', '.join(tests)}"
    return found
