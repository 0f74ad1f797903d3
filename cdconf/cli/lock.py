"""`cdconf lock`."""

from __future__ import annotations

from typing import Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.options import (
    connection_options,
    environment_argument,
    limit_option,
    output_options,
    project_options,
    yes_option,
)


@click.group()
def command() -> None:
    """Show or end the leases on an environment's hosts. A dead run's lease expires by itself.

    Example: cdconf lock status production
    """


@command.command()
@environment_argument
@project_options
@limit_option
@connection_options
@output_options
def status(environment: str, **flags: Any) -> None:
    """Show who holds ENV's hosts."""
    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.tables import show

    with run_of("lock", environment, flags) as run:
        with fleet_of(run, run.selected()) as fleet:
            leases = {name: session.lease for name, session in sorted(fleet.sessions.items())}
        run.extra["leases"] = leases
        rows = [
            [name, lease["owner"], lease["reason"], f"{lease['age_s']:.0f} s", f"{lease['expires_in_s']:.0f} s"]
            if lease
            else [name, "free", "", "", ""]
            for name, lease in leases.items()
        ]
        if not flags["as_json"]:
            show(["host", "owner", "reason", "age", "expires in"], rows)


@command.command()
@environment_argument
@project_options
@limit_option
@connection_options
@yes_option
@output_options
def release(environment: str, yes: bool, **flags: Any) -> None:
    """End whatever leases there are on ENV's hosts. Only when you know that their runs are dead.

    The history remembers who did it, and whose leases they were.
    """
    from cdconf.cli.ask import confirm
    from cdconf.cli.fleets import fleet_of
    from cdconf.events import HostDone, Notice

    with run_of("lock", environment, flags) as run:
        hosts = run.selected()
        confirm(f"End all leases on {len(hosts)} hosts of {environment}?", yes=yes)
        run.recorded = True
        run.extra["detail"] = f"release {flags['limit'] or 'all'}"
        with fleet_of(run, hosts) as fleet:
            live = [session.host for session in fleet.sessions.values()]
            outcome = fleet.each(live, lambda session: session.call("lease.force"))
        run.extra["released"] = {name: held for name, held in outcome.results.items() if held}
        for name, held in outcome.results.items():
            run.emit(Notice(f"{name}: " + (f"ended the lease of {held['owner']}" if held else "was free")))
            run.emit(HostDone(name, "changed" if held else "ok"))
        ended = [f"{name} (of {held['owner']}, {held['reason']})" for name, held in run.extra["released"].items()]
        run.extra["detail"] += f": {', '.join(ended) or 'none was held'}"
        outcome.raise_first()
