"""How `status` shows what became of an app's database migrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.cli.tables import show

if TYPE_CHECKING:
    from cdconf.inventory import Project


def migrations_of(project: Project, results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """App -> phase -> its newest run by all hosts together, None when it never ran; only apps with migrations.

    Args:
        project: The project.
        results: Host -> app -> what its agent's `app.status` says.
    """
    from cdconf.deploy.shape import Shape

    found = {}
    for app in project.apps.values():
        shape = Shape.of({host: pages[app.name] for host, pages in results.items() if app.name in pages})
        if app.migrate or shape.entries:
            found[app.name] = {"expand": shape.last("expand"), "contract": shape.last("contract")}
    return found


def show_migrations(migrations: Mapping[str, Mapping[str, Any]]) -> None:
    """A table of what ran last, below an empty line; nothing when nothing ran."""
    from cdconf.deploy.shape import moment

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
    words = {"done": "done", "failed": f"FAILED{status}", "begun": "begun, NOT known to have ended"}
    return words[entry["state"]]
