"""`cdconf deploy --check`: what would go where, in which batches, and what stands against it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.cli.context import Run
    from cdconf.deploy.preview import Foreseen
    from cdconf.inventory import App


def check_deploy(run: Run, chosen: Artifact, *, unpin: bool) -> None:
    """Shows it, and sets the exit code: 2 when something would be deployed, 3 when that would be refused."""
    from cdconf.cli.fleets import fleet_of
    from cdconf.cli.promotion_checks import clock_of
    from cdconf.deploy.held_hosts import app_members
    from cdconf.deploy.preview import foresee
    from cdconf.errors import DIFFERENT, GATED, OK, worst_exit
    from cdconf.events import Notice
    from cdconf.promotion.gates import gate_of

    run.recorded = False
    hosts = app_members(run.environment, run.project.apps[chosen.app])
    limit = limit_of(run, run.project.apps[chosen.app])
    run.start(hosts)
    gate = gate_of(run.project, run.environment, chosen, run.emit, clock=clock_of(run))
    run.extra["gates"] = [asdict(link) for link in gate.links]
    for link in gate.missing:
        by = f": `{link.command}`" if link.command else ""
        run.emit(Notice(f"the gate of {run.environment.name} is closed: {link.name}: {link.why}{by}", warning=True))
    run.code = worst_exit([run.code, GATED if gate.missing else OK])
    with fleet_of(run, hosts) as fleet:
        if len(fleet.sessions) < len(hosts):
            return  # they were just named: nothing can be said of the whole
        members = [session.host for session in fleet.sessions.values()]
        found = foresee(run.project, fleet, chosen, members, run.emit, unpin=unpin, limit=limit)
    run.extra["foreseen"] = found.as_dict()
    for why in found.refused:
        run.emit(Notice(f"it would be refused: {why}", warning=True))
    for name, who in found.held.items():
        run.emit(Notice(f"{name} is held by {who}: until that ends it would be refused", warning=True))
    _show(run, chosen, found)
    run.code = worst_exit([run.code, GATED if found.refused else OK, DIFFERENT if found.batches else OK])


def limit_of(run: Run, app: App) -> frozenset[str] | None:
    """The hosts of an app that `--limit` leaves; None without it.

    Raises:
        UsageError: It leaves none of the app's.
    """
    from cdconf.errors import UsageError
    from cdconf.inventory import select

    pattern = run.flags.limit
    if pattern is None:
        return None
    names = frozenset(host.name for host in select(run.project, run.environment, pattern) if app.runs_on(host))
    if not names:
        raise UsageError(f"--limit '{pattern}' leaves no host of '{app.name}' on {run.environment.name}")
    return names


def _show(run: Run, chosen: Artifact, found: Foreseen) -> None:
    from cdconf.cli.show.tables import show
    from cdconf.events import HostDone, Notice

    app = run.project.apps[chosen.app]
    numbers = {name: number for number, batch in enumerate(found.batches, 1) for name in batch}
    for name in found.runs:
        run.emit(HostDone(name, "changed" if name in numbers else "ok"))
    if not found.batches:
        run.emit(Notice(f"{chosen.label} runs on every host already"))
        return
    if not run.flags.as_json:
        order = [name for batch in found.batches for name in batch]
        rows = [
            _row(name, found, chosen, numbers) for name in [*order, *(one for one in found.runs if one not in numbers)]
        ]
        show(["batch", "host", "runs", "would run"], rows)
    what = [f"the expand migration runs on {', '.join(found.migrates)}"] if found.migrates else []
    what += [f"{', '.join(app.stops)} stop before it on all of these hosts"] if app.stops and app.migrate.expand else []
    what += [f"{app.drain.group} takes each batch out of use meanwhile"] if app.drain is not None else []
    what += [f"before that each host has, or installs, {', '.join(map(str, app.prepare))}"] if app.prepare else []
    what += [f"hooks: {', '.join(app.hooks.on_hosts)}"] if app.hooks.on_hosts else []
    for text in what:
        run.emit(Notice(text))


def _row(name: str, found: Foreseen, chosen: Artifact, numbers: dict[str, int]) -> list[Any]:
    runs = found.runs[name] or "no release"
    return [numbers.get(name, "-"), name, runs, chosen.release if name in numbers else "the same"]
