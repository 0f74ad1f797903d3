"""`cdconf status`."""

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
    from collections.abc import Mapping

    from cdconf.cli.context import Run

_COLUMNS = ["host", "app", "release", "state", "deployed", "lease"]


@click.command()
@environment_argument
@project_options
@limit_option
@connection_options
@output_options
def command(environment: str, **flags: Any) -> None:
    """Show what runs on ENV's hosts: releases, services, leases, pinned artifacts, drained hosts, migrations.

    Example: cdconf status production
    """
    from cdconf.cli.fleets import look_at
    from cdconf.cli.killed_runs import held_by, left_behind
    from cdconf.cli.show.apart import apart_on, say_apart
    from cdconf.cli.show.canaries import say_canaries
    from cdconf.cli.show.migration_rows import migrations_of, show_migrations
    from cdconf.cli.show.stops import line_state, running_archive
    from cdconf.cli.show.tables import show
    from cdconf.cli.show.unit_rows import closely, show_units
    from cdconf.cli.status_alike import alike
    from cdconf.events import HostDone
    from cdconf.session import Session
    from cdconf.session.answers import LeaseState

    with run_of("status", environment, flags) as run:
        hosts = run.selected()
        run.start(hosts)
        rows, data = list[list[str]](), dict[str, Any]()

        def look(session: Session) -> tuple[dict[str, Any], LeaseState | None, Any, dict[str, Any]]:
            apps = run.project.apps_on(session.host)
            left_by = left_behind(session.lease, session.left, run.project.lease_ttl)
            drains = apart_on(session, run.project)
            pages = {app.name: session.app_status(app.document() | closely(run.flags)) for app in apps}
            return pages, session.lease, left_by, drains

        seen = look_at(run, hosts, look)
        found = {name: pages for name, (pages, _, _, _) in seen.items()}
        leases = {name: lease for name, (_, lease, _, _) in seen.items()}
        left = {name: before for name, (_, _, before, _) in seen.items()}
        drained = {name: drains for name, (_, _, _, drains) in seen.items()}
        line = line_state(run, found.values())
        red: set[int] = set()
        for host in hosts:
            pages = found.get(host.name)
            if pages is None:
                rows.append([host.name, "-", run.collector.hosts[host.name].status, "", "", ""])  # as was just reported
                continue
            run.emit(HostDone(host.name, "ok"))
            held = held_by(lease := leases[host.name], left[host.name])
            data[host.name] = {"apps": pages, "lease": lease, "left": left[host.name]}
            for name, page in pages.items():
                words = line.words(running_archive(page))
                red |= {len(rows)} if words else set()
                told = [
                    ", ".join(filter(None, [_state(page, lease), *words])),
                    _deployed(page, verbose=run.flags.verbose),
                ]
                rows.append([host.name, name, page["linked"] or "no release", *told, held])
            if not pages:
                rows.append([host.name, "-", "-", "", "", held])
        run.extra["status"] = data
        run.extra |= say_apart(run, drained, leases) | say_canaries(run, found)
        run.extra["interrupted"] = _interrupted(run, found, leases, left)
        run.extra["migrations"] = migrations_of(run.project, found, leases)
        if not run.flags.as_json:
            show(_COLUMNS, *alike(rows, red, [host.name for host in hosts], every=run.flags.verbose))
            show_migrations(run.extra["migrations"])
            show_units(found, run.flags)


def _interrupted(
    run: Run, results: dict[str, dict[str, Any]], leases: dict[str, Any], left: dict[str, Any]
) -> dict[str, Any]:
    """Says of each app whose deployment or rollback was interrupted where that stands; the same as data, by app."""
    from cdconf.cli.killed_runs import say_unrecorded
    from cdconf.deploy.interrupted import standing
    from cdconf.events import Notice

    ends = {
        "confirm": "every host has it: {} proves it once more and confirms it",
        "finish": "it was confirmed: {} brings it to the others",
        "roll_back": "{} rolls it back",
        "again": "it changed no host, so there is nothing to resume",
    }
    found = {}
    for app, about in run.project.apps.items():
        stands = standing({host: pages[app] for host, pages in results.items() if app in pages}, leases, left)
        if stands is None:
            continue
        members = [host.name for host in run.environment.hosts.values() if about.runs_on(host)]
        unknown = [name for name in members if name not in results]
        command = f"`cdconf deploy {app} --to {run.environment.name} --resume`"
        end = f"nothing is known of {', '.join(unknown)}" if unknown else ends[stands.ending].format(command)
        run.emit(Notice(f"{app}: {stands}; {end}", warning=True))
        found[app] = stands.as_dict() | {"unknown": unknown} | ({"ending": None} if unknown else {})
    ended = {stands["run"] for stands in found.values()} | {one["run"] for one in left.values() if one}
    say_unrecorded(run, [page for pages in results.values() for page in pages.values()], ended)
    return found


def _pins(pinned: dict[str, dict[str, Any]]) -> list[str]:
    versions = sorted(one["version"] for one in pinned.values() if one.get("version"))
    named = f" ({', '.join(versions)})" if versions else ""
    return [f"{len(pinned)} pinned{named}"] if pinned else []


def _deployed(page: dict[str, Any], *, verbose: bool = False) -> str:
    """When, by whom, and if asked for by which procedure the release that runs was deployed, as the host remembers."""
    from cdconf.databases.applied_migrations import clock

    about = page["deployed"]
    if not about:
        return ""
    how = f", procedure {about.get('procedure') or 'unknown'}" if verbose else ""
    return f"{clock(about['at'])} by {about['owner'].partition(' pid ')[0]}{how}"


def _state(page: Mapping[str, Any], lease: Mapping[str, Any] | None) -> str:
    from cdconf.drift import activation_of, under_way

    doing = "rolling back to" if activation_of(page) == "rollback" else "deploying"
    if under_way(page, lease):
        return f"{doing} {page['activating']['to']}"
    if page["activating"]:
        left = page["reverts_in_s"]
        alone = "" if left is None else f"; goes back by itself in {left} s"
        return f"interrupted while {doing} {page['activating']['to']}{alone}"
    back = page["reverted"]
    note = [f"went back by itself from {back['release']}"] if back else []
    note += [f"which failed: {back['problem']}"] if back and back["problem"] else []
    pins = _pins(page["pinned"])
    if not page["linked"]:
        return ", ".join(pins + note)
    verified = page["verified"][-1:] == [page["linked"]]
    parts = ["verified" if verified else "NOT verified"]
    parts += [page["problem"]] if page["problem"] else []
    return ", ".join(parts + pins + note)
