"""`cdconf logs`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import app_names, unit_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
from cdconf.cli.options import (
    connection_options,
    limit_option,
    output_options,
    project_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdconf.cli.context import Run
    from cdconf.cli.show.host_output import LinePrinter
    from cdconf.engine import Fleet
    from cdconf.errors import CdconfError
    from cdconf.inventory import Host
    from cdconf.session import Session

LAST = 100
MOST = 10_000
ATTEMPTS, QUICK = 5, 10.0  # a journalctl that ends so often within so many seconds won't run


@dataclass
class LogsFlags(Flags):
    """The options of `logs`."""

    count: int | None = None
    since: str | None = None


@click.command()
@environment_argument
@project_options
@limit_option
@connection_options
@click.option("--app", metavar="APP", shell_complete=app_names, help="The services of this app (default: every app's).")
@click.option(
    "--unit",
    "units",
    metavar="UNIT",
    multiple=True,
    shell_complete=unit_names,
    help="This systemd unit instead (may be repeated).",
)
@click.option(
    "-n", "--lines", "count", metavar="N", type=click.IntRange(0, MOST), help=f"Lines per host (default {LAST})."
)
@click.option("--since", metavar="WHEN", help="Only lines since then: `10m`, `2h`, `today`, `2026-03-01 12:00`.")
@click.option("-f", "--follow", is_flag=True, help="Keep showing new lines until Ctrl-C.")
@output_options
def command(environment: str, app: str | None, units: tuple[str, ...], follow: bool, **given: Any) -> None:
    """Show the journal of the services of ENV's apps, from all hosts, ordered by time.

    Times are in this machine's time zone. Exit code 4: a host was unreachable. 130: Ctrl-C. --follow also ends when the
    program that reads the output has ended.

    Example: cdconf logs production --app shop --since 10m --follow
    """
    from cdconf.errors import UsageError

    flags = LogsFlags(**given)
    if follow and flags.as_json:
        raise UsageError("--follow and --json exclude each other", hint="leave out --follow or --json")
    with run_of("logs", environment, flags) as run:
        wanted = _units(run, app, units)
        hosts = [host for host in run.selected() if host.name in wanted]
        if not hosts:
            raise UsageError(
                f"none of these hosts of {environment} runs it", hint="look at --limit and the app's groups"
            )
        run.start(hosts)
        run.extra["command_line"] = " ".join(sorted({unit for one in wanted.values() for unit in one}))
        _show(run, hosts, wanted, flags, follow=follow)


def _units(run: Run, app: str | None, units: Sequence[str]) -> dict[str, list[str]]:
    """Host -> the units that are asked for."""
    from cdconf.errors import UsageError, nearest_or_all

    if app is not None and units:
        raise UsageError("--app and --unit exclude each other")
    apps = run.project.apps
    if app is not None and app not in apps:
        raise UsageError(f"cdconf.yml has no app '{app}'", hint=nearest_or_all(app, apps))
    if units:
        return {name: list(units) for name in run.environment.hosts}
    chosen = [apps[app]] if app else list(apps.values())
    if not any(one.services for one in chosen):
        raise UsageError("there is no app with services", hint="name a unit: --unit nginx")
    found: dict[str, list[str]] = {}
    for host in run.environment.hosts.values():
        services = [name for one in chosen if one.runs_on(host) for name in one.services]
        if services:
            found[host.name] = services
    return found


def _show(run: Run, hosts: list[Host], units: dict[str, list[str]], flags: LogsFlags, *, follow: bool) -> None:
    from cdconf.cli import journald
    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.show.host_output import LinePrinter
    from cdconf.errors import Interrupted
    from cdconf.events import HostDone

    since, count = flags.since, flags.count
    if count is None:
        count = MOST if since else LAST
    lines = LinePrinter([host.name for host in hosts], run.mask)

    def past(session: Session) -> list[journald.JournalEntry]:
        line = journald.command(units[session.host.name], count=count, since=since)
        return journald.read(session.host.name, session.run(line))

    with fleet_of(run, hosts) as fleet:
        told = _each(run, fleet, past)
        for name in told:
            run.emit(HostDone(name, "ok"))
        entries = sorted((one for found in told.values() for one in found), key=lambda one: one.time)
        if run.flags.as_json:
            run.extra["lines"] = [one.document() for one in entries]
            return
        for entry in entries:
            lines.show(entry.host, entry.text())
        if follow:
            cursors = {name: found[-1].cursor if found else None for name, found in told.items()}
            try:
                _follow(run, fleet, units, cursors, lines)
            except Interrupted as error:  # how following ends
                run.code = error.exit_code


def _follow(
    run: Run,
    fleet: Fleet,
    units: dict[str, list[str]],
    cursors: dict[str, str | None],
    lines: LinePrinter,
) -> None:
    """Until Ctrl-C, or until nobody reads stdout any more: what's shown is all that it's for."""
    from cdconf.cli import journald
    from cdconf.cli.show.host_output import Splitter
    from cdconf.errors import HostFailed

    def job(session: Session) -> None:
        name = session.host.name
        said: list[str] = []

        def on_line(line: str, error: bool) -> None:
            if error:
                said[:] = [line]
                return
            entry = journald.parse(name, line)
            if entry is not None:
                cursors[name] = entry.cursor
                lines.show(name, entry.text())
            if lines.is_over:
                fleet.stop()

        failures = 0
        while (
            failures < ATTEMPTS and not lines.is_over
        ):  # journalctl may end by itself, such as when journald is upgraded
            began = time.monotonic()
            line = journald.command(units[name], after=cursors.get(name), follow=True)
            status = session.stream(line, Splitter(on_line), endless=True)
            failures = failures + 1 if time.monotonic() - began < QUICK else 1
        if lines.is_over:
            return
        raise HostFailed(f"journalctl ended with status {status}: {' '.join(said) or 'no message'}", host=name)

    _each(run, fleet, job)


def _each(run: Run, fleet: Fleet, job: Callable[[Session], Any]) -> dict[str, Any]:
    """Does it on all connected hosts; one that fails is reported when it fails, not when the others end."""
    from cdconf.engine.reports import report
    from cdconf.errors import CdconfError, worst_exit

    def reporting(session: Session) -> Any:
        try:
            return job(session)
        except CdconfError as error:
            if not _was_ended(error):
                report(run.emit, session.host.name, error)
            raise

    results, errors = fleet.each([session.host for session in fleet.sessions.values()], reporting).split()
    failed = [error for error in errors.values() if not _was_ended(error)]
    run.code = worst_exit([run.code, *(error.exit_code for error in failed)])
    return results


def _was_ended(error: CdconfError) -> bool:
    """Whether it's our own end of following that a host tells of."""
    return error.kind == "interrupted" or getattr(error, "reason", None) == "stopped"
