"""`cdconf lock`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import (
    connection_options,
    limit_option,
    output_options,
    project_options,
    yes_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.group()
def command() -> None:
    """Show, take or end the leases on an environment's hosts. The lease of a killed run expires by itself.

    Example: cdconf lock status production
    """


@command.command()
@environment_argument
@project_options
@limit_option
@connection_options
@output_options
def status(environment: str, **flags: Any) -> None:
    """Show who holds leases on ENV's hosts."""
    from cdconf.cli.fleets import look_at
    from cdconf.cli.show.tables import show

    with run_of("lock", environment, flags) as run:
        leases = dict(sorted(look_at(run, run.selected(), lambda session: session.lease).items()))
        run.extra["leases"] = leases
        rows = [
            [name, _owner(lease), _reason(lease), f"{lease['age_s']:.0f} s", f"{lease['expires_in_s']:.0f} s"]
            if lease
            else [name, "free", "", "", ""]
            for name, lease in leases.items()
        ]
        if not run.flags.as_json:
            show(["host", "owner", "reason", "age", "expires in"], rows)


def _owner(lease: Mapping[str, Any]) -> str:
    """Who holds it, and whether that's over: a lease whose process was killed on this machine runs out by itself."""
    return f"{lease['owner']} (killed)" if lease["run"] in lease.get("dead", ()) else str(lease["owner"])


def _reason(lease: Mapping[str, Any]) -> str:
    """What the holder does, and what it has started within its lease."""
    return " > ".join(one["reason"] or "no reason" for one in (lease, *lease["inner"]))


@command.command()
@environment_argument
@click.argument("words", nargs=-1, required=True, metavar="-- CMD...")
@project_options
@limit_option
@click.option("--reason", metavar="TEXT", required=True, help="The reason that refused runs are shown.")
@connection_options
@output_options
def take(environment: str, words: tuple[str, ...], reason: str, **flags: Any) -> None:
    """Hold the leases of ENV's hosts while CMD runs here.

    cdconf commands started by CMD share the leases; all others are refused.

    If CMD is a single word, a shell runs it as a command line. The exit code is CMD's own. 4: a host was unreachable
    and CMD wasn't started, or a lease was lost while CMD ran. With --json, CMD's stdout goes to stderr. The history
    records the reason and CMD.

    Example: cdconf lock take staging --reason "release 1.4" -- make release
    """
    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.held_command import run_held
    from cdconf.events import HostDone

    with run_of("lock", environment, flags) as run:
        hosts = run.selected()
        run.recorded = True
        run.extra["detail"] = f"take {run.flags.limit or 'all'}: {reason}: {shlex.join(words)}"
        run.start(hosts)
        with fleet_of(run, hosts, lease=True, reason=reason) as fleet:
            if run.code:
                return  # a host that can't be held was reported
            run.close()
            run.code = run_held(run, fleet, words)
            for name in fleet.sessions:
                run.emit(HostDone(name, "ok"))


@command.command()
@environment_argument
@project_options
@limit_option
@connection_options
@yes_option
@output_options
def release(environment: str, yes: bool, **flags: Any) -> None:
    """End all leases on ENV's hosts. Do this only when you know that their runs no longer work.

    The history records who did it, and whose leases they were.
    """
    from cdconf.cli.ask import confirm
    from cdconf.cli.fleets import look_at
    from cdconf.events import HostDone, Notice

    with run_of("lock", environment, flags) as run:
        hosts = run.selected()
        confirm(f"End all leases on {len(hosts)} hosts of {environment}?", yes=yes)
        run.recorded = True
        run.extra["detail"] = f"release {run.flags.limit or 'all'}"
        ends = look_at(run, hosts, lambda session: session.force_lease(), ends_leases=True)
        run.extra["released"] = {name: held for name, held in ends.items() if held}
        for name, held in ends.items():
            run.emit(Notice(f"{name}: {_ended(held)}"))
            run.emit(HostDone(name, "changed" if held else "ok"))
        ended = [f"{name} ({_whose(held)})" for name, held in run.extra["released"].items()]
        run.extra["detail"] += f": {', '.join(ended) or 'none was held'}"


def _ended(held: Mapping[str, Any] | None) -> str:
    if held is None:
        return "was free"
    if "damaged" in held:
        return f"removed its lease: {held['damaged']}"
    return f"ended the lease of {held['owner']}"


def _whose(held: Mapping[str, Any]) -> str:
    return str(held["damaged"]) if "damaged" in held else f"of {held['owner']}, {held['reason']}"
