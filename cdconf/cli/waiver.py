"""`cdconf waiver`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import host_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.options import (
    connection_options,
    limit_option,
    no_code_option,
    output_options,
    project_options,
)

if TYPE_CHECKING:
    from datetime import date

    from cdconf.cli.context import Run
    from cdconf.inventory.waivers import Waiver

_until = click.option(
    "--until",
    metavar="DAY",
    help="The last day on which it holds, by UTC (2027-01-31), or for how many days from today (30d).",
)
_reason = click.option("--reason", metavar="TEXT", help="Why it's accepted until then: everybody reads it.")
_host = click.argument("host", shell_complete=host_names)
_unknown = click.option("--unknown", is_flag=True, help="Also cover that `drift` can't tell how it stands.")
BASELINE_DAYS = "30d"
BASELINE_REASON = "found on the first day"


@click.group()
def command() -> None:
    """Accept findings of `drift` for a while: inventories/ENV/waivers.yml, each with a last day and a reason.

    A finding that a waiver covers is shown as waived, and doesn't make `drift` exit with 2. When the waiver's last
    day is over, by UTC, the finding is back. `drift` also names waivers that nothing needs any more.

    Example: cdconf waiver add production web1 file /etc/motd --until 2027-01-31 --reason 'moves with ticket 12'
    """


@command.command()
@environment_argument
@_host
@click.argument("type")
@click.argument("title")
@_until
@_reason
@_unknown
@project_options
@output_options
def add(environment: str, host: str, **flags: Any) -> None:
    """Accept that resource TYPE TITLE differs on HOST of ENV, until a day. Asks no host.

    HOST is a host, a group or a pattern. TYPE and TITLE are those that `drift` shows: `file /etc/motd`. One that is
    waived there already gets the new day and the new reason. Commit the file afterwards.

    Example: cdconf waiver add production web file /etc/motd --until 30d --reason 'the old fleet goes in January'
    """
    from cdconf.cli.waiver_file import check_told, keep, last_day, named_type
    from cdconf.errors import UsageError
    from cdconf.inventory import select

    with run_of("waiver add", environment, flags) as run:
        if not flags["until"] or not (flags["reason"] or "").strip():
            raise UsageError("a waiver needs --until and --reason", hint="such as --until 30d --reason 'ticket 12'")
        select(run.project, run.environment, host)
        kind, title = named_type(run.project, flags["type"]), flags["title"]
        check_told(run, title, flags["reason"])
        new = _new(run, host, (kind, title), last_day(run, flags["until"]), flags["reason"], flags["unknown"])
        keep(run, [new])
        run.record_as("waiver add", _detail(new))


@command.command("list")
@environment_argument
@project_options
@output_options
def list_(environment: str, **flags: Any) -> None:
    """Show ENV's waivers, those that end first above. Asks no host."""
    from cdconf.cli.tables import show
    from cdconf.cli.waiver_file import today
    from cdconf.inventory.waivers import load_waivers

    with run_of("waiver list", environment, flags) as run:
        now = today(run)
        found = sorted(load_waivers(run.project, environment), key=lambda one: (one.until, one.names))
        run.extra["waivers"] = [_document(one) | {"ended": one.until < now} for one in found]
        if flags["as_json"]:
            return
        heads = ["host", "type", "title", "until", "left", "by", "reason", "where"]
        rows = [[*one.names, *_times(one, now), one.by or "", one.reason, one.source] for one in found]
        ended = {number for number, one in enumerate(found) if one.until < now}
        show(heads, [[run.mask(cell) for cell in row] for row in rows], red=ended)


@command.command()
@environment_argument
@click.argument("host", required=False, shell_complete=host_names)
@click.argument("type", required=False)
@click.argument("title", required=False)
@click.option("--ended", is_flag=True, help="Remove all whose last day is over.")
@project_options
@output_options
def remove(environment: str, ended: bool, **flags: Any) -> None:
    """Remove the waiver of TYPE TITLE on HOST, as the file has it; or all that have ended. Asks no host.

    Example: cdconf waiver remove production --ended
    """
    from cdconf.cli.waiver_file import chosen, drop

    with run_of("waiver remove", environment, flags) as run:
        gone = chosen(run, (flags["host"], flags["type"], flags["title"]), ended=ended)
        drop(run, gone)
        if gone:
            run.record_as("waiver remove", "; ".join(map(_detail, gone[:10])))


@command.command()
@environment_argument
@project_options
@limit_option
@connection_options
@_until
@_reason
@click.option("--unknown", is_flag=True, help="Also accept what can't be told now.")
@no_code_option
@output_options
def baseline(environment: str, **flags: Any) -> None:
    """Look at ENV's hosts as `drift` does, and accept all that it finds: for the first day on an old fleet.

    Every finding that has no waiver yet gets one, until 30 days from now if --until isn't given. What can't be told
    isn't accepted without --unknown, nor is anything on hosts that can't be reached, or whose title holds a secret:
    exit code 2, 4 or 1 says that some of it is left. Changes nothing on any host.

    Example: cdconf waiver baseline production --until 2027-03-31 --reason 'as we took it over'
    """
    from cdconf.cli.waiver_file import keep, last_day

    with run_of("waiver baseline", environment, flags) as run:
        day = last_day(run, flags["until"] or BASELINE_DAYS)
        reason = flags["reason"] or BASELINE_REASON
        found, left, looked = _look(run)
        new = [_new(run, one.host, (one.type, one.title), day, reason, one.cause == "unknown") for one in found]
        keep(run, new)
        run.code = looked(left)
        run.record_as("waiver baseline", f"{len(new)} findings, until {day}")


def _look(run: Run) -> Any:
    """What drift finds that has no waiver and may get one; what's left besides; and what tells the exit code."""
    from cdconf.cli.older import comparison
    from cdconf.cli.waived import waiving
    from cdconf.cli.waiver_file import acceptable
    from cdconf.deploy.provision import Options, provision
    from cdconf.drift.findings import findings_of
    from cdconf.errors import DIFFERENT, OK

    hosts = run.selected()
    run.start(hosts)
    emit = waiving(run)
    options = Options(
        check=True,
        forks=run.flags["forks"],
        accept_new_host_keys=run.flags["accept_new_host_keys"],
        releases=True,
        applied_from=comparison(run),
    )
    code = provision(run.project, run.environment, lambda: run.compiler, hosts, emit, options)
    told = (one for host in run.collector.hosts.values() for one in host.resources)
    findings = [one for one in findings_of(told) if one.waived is None]
    accepted = acceptable(run, findings, unknown=run.flags["unknown"])
    left = len(findings) - len(accepted)
    return accepted, left, lambda some: (DIFFERENT if some else OK) if code in (OK, DIFFERENT) else code


def _new(run: Run, host: str, about: tuple[str, str], day: date, reason: str, unknown: bool) -> Waiver:
    from cdconf.cli.waiver_file import today
    from cdconf.inventory.waivers import Waiver
    from cdconf.user import user_name

    return Waiver(host, *about, until=day, reason=reason, unknown=unknown, by=user_name(), added=today(run))


def _detail(waiver: Waiver) -> str:
    return f"{' '.join(waiver.names)} until {waiver.until}"


def _times(waiver: Waiver, now: date) -> tuple[str, str]:
    days = (waiver.until - now).days
    return waiver.until.isoformat(), "ended" if days < 0 else "ends today" if days == 0 else f"{days} d"


def _document(waiver: Waiver) -> dict[str, Any]:
    fields = {name: getattr(waiver, name) for name in ("host", "type", "title", "reason", "unknown", "by", "source")}
    return fields | {"until": waiver.until.isoformat(), "added": waiver.added.isoformat() if waiver.added else None}
