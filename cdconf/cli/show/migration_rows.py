"""How `status` shows what became of an app's database migrations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.cli.show.tables import show
from cdconf.drift import runs_of

if TYPE_CHECKING:
    from cdconf.inventory import Project


def migrations_of(
    project: Project, results: Mapping[str, Mapping[str, Any]], leases: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, dict[str, Any]]:
    """App -> phase -> its newest run by all hosts together, None when it never ran; only apps with migrations.

    Args:
        project: The project.
        results: Host -> app -> what its agent's `app.status` says.
        leases: Host -> who holds it, None for nobody: a migration of that run is `running`.
    """
    from cdconf.databases.applied_migrations import Shape

    at_work = {run for lease in leases.values() for run in runs_of(lease)}
    found = {}
    for app in project.apps.values():
        shape = Shape.of({host: pages[app.name] for host, pages in results.items() if app.name in pages})
        if app.migrate or shape.entries:
            found[app.name] = {"expand": shape.last("expand"), "contract": shape.last("contract")}
    return {
        app: {phase: entry and {**entry, "running": _is_running(entry, at_work)} for phase, entry in phases.items()}
        for app, phases in found.items()
    }


def _is_running(entry: Mapping[str, Any], at_work: Collection[str]) -> bool:
    return entry["state"] == "begun" and entry["run"] in at_work


def show_migrations(migrations: Mapping[str, Mapping[str, Any]]) -> None:
    """A table of what ran last, below an empty line; nothing when nothing ran."""
    from cdconf.databases.applied_migrations import moment

    rows = [
        [app, phase, entry["release"], _state(entry), entry["host"], moment(entry)]
        for app, phases in migrations.items()
        for phase, entry in phases.items()
        if entry is not None
    ]
    if rows:
        print()
        show(["app", "migration", "release", "state", "on", "when"], rows)


def _state(entry: Mapping[str, Any]) -> str:
    if entry["command"] is None:
        return "none to run"
    status = "" if entry["status"] in (None, 0) else f", exit status {entry['status']}"
    if entry["running"]:
        return "running"
    words = {"done": "done", "failed": f"FAILED{status}", "begun": "begun, NOT known to have ended"}
    return words[entry["state"]]
