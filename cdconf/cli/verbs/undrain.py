"""`cdconf undrain`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.complete import app_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_option
from cdconf.cli.options import connection_options, limit_option, output_options, project_options, yes_option


@click.command()
@click.argument("app", shell_complete=app_names)
@environment_option("--env", "--to", required=True, text="Where.")
@project_options
@limit_option
@connection_options
@yes_option
@output_options
def command(app: str, environment: str, yes: bool, **flags: Any) -> None:
    """Put drained hosts of APP on ENV back into use, even those that failed their checks.

    This command tests nothing, so make sure first that the hosts work. The next provision, deployment or rollback also
    puts them back, once their health checks and smoke tests pass.

    Example: cdconf undrain shop --env production --limit web1
    """
    from cdconf.artifacts.choose import named_app
    from cdconf.cli.ask import confirm
    from cdconf.cli.fleets import fleet_of
    from cdconf.deploy.drains import drain_hosts, drains_of
    from cdconf.errors import HostFailed, UsageError
    from cdconf.events import HostDone, Notice

    with run_of("undrain", environment, flags) as run:
        chosen = named_app(run.project, app)
        draining = drain_hosts(run.environment, chosen)
        if not draining:
            raise UsageError(f"nothing drains hosts of '{chosen.name}' on {environment}", hint="see `drain` of the app")
        wanted = {host.name for host in run.selected() if chosen.runs_on(host)}
        known = set(run.environment.hosts)
        confirm(f"Put the drained hosts of {chosen.name} on {environment} back into use, untested?", yes=yes)
        run.recorded = True
        run.extra["app"] = chosen.name
        run.start(draining)
        with fleet_of(run, draining, lease=True, reason=f"undrain {chosen.name}") as fleet:
            drains = drains_of(run.project, chosen, fleet, fleet.connected(draining), run.emit)
            drained = (*drains.left_over, *drains.kept) if drains is not None else ()
            names = [name for name in drained if name in wanted or (name not in known and not run.flags.limit)]
            failures = drains.end(names, proven=True) if drains is not None else {}
            if drains is not None:
                drains.finish()
        run.extra["undrained"] = [name for name in names if name not in failures]
        run.extra["detail"] = ", ".join(names) or "nothing was drained"
        for name in names:
            if name not in failures:
                run.emit(Notice(f"{name} is back in use"))
                run.emit(HostDone(name, "changed"))
        if not names:
            run.emit(Notice(f"no host of {chosen.name} was drained"))
        for name, failure in failures.items():
            raise HostFailed(f"is still drained: {failure.message}", host=name)
