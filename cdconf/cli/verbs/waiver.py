"""`cdconf waiver`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cdconf.cli.complete import host_names
from cdconf.cli.context import run_of
from cdconf.cli.environment_named import environment_argument
from cdconf.cli.flags import Flags
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
    help="The waiver's last day in UTC (2027-01-31), or the number of days from today (30d).",
)
_reason = click.option("--reason", metavar="TEXT", help="Why you accept it; everybody can read this.")
_host = click.argument("host", shell_complete=host_names)
_unknown = click.option("--unknown", is_flag=True, help="Also accept that `drift` can't compare the resource.")
BASELINE_DAYS = "30d"
BASELINE_REASON = "found on the first day"


@dataclass
class WaiverFlags(Flags):
    """The options of `waiver`'s verbs."""

    host: str | None = None
    type: str | None = None
    title: str | None = None
    until: str | None = None
    reason: str | None = None
    unknown: bool = False


@click.group()
def command() -> None:
    """Accept findings of `drift` until a given day, each with a reason, in inventories/ENV/waivers.yml.

    `drift` shows a finding with a waiver as waived, and doesn't exit with 2 because of it. After the waiver's last day
    (UTC) the finding counts again. `drift` also names waivers that no longer match a finding.

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
def add(environment: str, host: str, **given: Any) -> None:
    """Accept until a given day that resource TYPE TITLE differs on HOST of ENV. Contacts no host.

    HOST is a host, a group or a pattern. Copy TYPE and TITLE from the output of `drift`: `file /etc/motd`. An existing
    waiver gets the new day and the new reason. Commit the file afterwards.

    Example: cdconf waiver add production web file /etc/motd --until 30d --reason 'the old fleet goes in January'
    """
    from cdconf.cli.waiver_file import check_told, keep, last_day, named_type
    from cdconf.errors import UsageError
    from cdconf.inventory import select

    flags = WaiverFlags(**given)
    with run_of("waiver add", environment, flags) as run:
        reason = flags.reason or ""
        if not flags.until or not reason.strip():
            raise UsageError("a waiver needs --until and --reason", hint="such as --until 30d --reason 'ticket 12'")
        select(run.project, run.environment, host)
        kind, title = named_type(run.project, str(flags.type)), str(flags.title)
        check_told(run, title, reason)
        new = _new(run, host, (kind, title), last_day(run, flags.until), reason, flags.unknown)
        keep(run, [new])
        run.record_as("waiver add", _detail(new))


@command.command("list")
@environment_argument
@project_options
@output_options
def list_(environment: str, **flags: Any) -> None:
    """List ENV's waivers, the next to end first. Contacts no host."""
    from cdconf.cli.show.tables import show
    from cdconf.cli.waiver_file import today
    from cdconf.inventory.waivers import load_waivers

    with run_of("waiver list", environment, flags) as run:
        now = today(run)
        found = sorted(load_waivers(run.project, environment), key=lambda waiver: (waiver.until, waiver.names))
        run.extra["waivers"] = [_document(waiver) | {"ended": waiver.until < now} for waiver in found]
        if run.flags.as_json:
            return
        heads = ["host", "type", "title", "until", "left", "by", "reason", "where"]
        rows = [
            [*waiver.names, *_times(waiver, now), waiver.by or "", waiver.reason, waiver.source] for waiver in found
        ]
        ended = {number for number, waiver in enumerate(found) if waiver.until < now}
        show(heads, [[run.mask(cell) for cell in row] for row in rows], red=ended)


@command.command()
@environment_argument
@click.argument("host", required=False, shell_complete=host_names)
@click.argument("type", required=False)
@click.argument("title", required=False)
@click.option("--ended", is_flag=True, help="Remove all waivers whose last day is over.")
@project_options
@output_options
def remove(environment: str, ended: bool, **given: Any) -> None:
    """Remove the waiver of TYPE TITLE on HOST, or all that have ended. Contacts no host.

    Example: cdconf waiver remove production --ended
    """
    from cdconf.cli.waiver_file import chosen, drop

    flags = WaiverFlags(**given)
    with run_of("waiver remove", environment, flags) as run:
        gone = chosen(run, (flags.host, flags.type, flags.title), ended=ended)
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
@click.option("--unknown", is_flag=True, help="Also accept resources that can't be compared.")
@no_code_option
@output_options
def baseline(environment: str, **given: Any) -> None:
    """Compare ENV's hosts as `drift` does, and write a waiver for each finding.

    Use it on the first day with old servers.

    Without --until, the waivers end 30 days from now. Some findings get no waiver: resources that couldn't be compared,
    unless --unknown is given (exit code 2); everything on unreachable hosts (exit code 4); and titles that hold a
    secret (exit code 1). No host is changed.

    Example: cdconf waiver baseline production --until 2027-03-31 --reason 'as we took it over'
    """
    from cdconf.cli.waiver_file import keep, last_day

    flags = WaiverFlags(**given)
    with run_of("waiver baseline", environment, flags) as run:
        day = last_day(run, flags.until or BASELINE_DAYS)
        reason = flags.reason or BASELINE_REASON
        found, left, looked = _look(run, unknown=flags.unknown)
        new = [_new(run, one.host, (one.type, one.title), day, reason, one.cause == "unknown") for one in found]
        keep(run, new)
        run.code = looked(left)
        run.record_as("waiver baseline", f"{len(new)} findings, until {day}")


def _look(run: Run, *, unknown: bool) -> Any:
    """What drift finds that has no waiver and may get one; what's left besides; and what tells the exit code."""
    from cdconf.cli.older_files import comparison
    from cdconf.cli.waived_findings import waiving
    from cdconf.cli.waiver_file import acceptable
    from cdconf.drift.findings import findings_of
    from cdconf.errors import DIFFERENT, OK
    from cdconf.provision.provision import ProvisionOptions, provision

    hosts = run.selected()
    run.start(hosts)
    emit = waiving(run)
    options = ProvisionOptions(
        check=True,
        connecting=run.flags.connecting,
        releases=True,
        applied_from=comparison(run),
    )
    code = provision(run.project, run.environment, lambda: run.compiler, hosts, emit, options)
    told = (resource for host in run.collector.hosts.values() for resource in host.resources)
    findings = [finding for finding in findings_of(told) if finding.waived is None]
    accepted = acceptable(run, findings, unknown=unknown)
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
