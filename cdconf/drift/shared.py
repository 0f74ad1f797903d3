"""What is said of an app's shared paths that aren't as they were deployed. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.inventory import App

Changes = Sequence[tuple[str, str]]  # what, path: see the agent's `Releases.changes`


def other_shared(page: Mapping[str, Any], app: App) -> str | None:
    """How the paths that the running release shares differ from those that cdconf.yml wants; None when they don't."""
    about = page["releases"].get(page["linked"])
    if about is None or page["activating"] is not None:
        return None
    there = tuple(about.get("shared") or ())
    if there == app.shared.paths:
        return None
    return f"shared: {', '.join(there) or '(none)'} -> {', '.join(app.shared.paths) or '(none)'}\n"


def replaced(app: App, changes: Changes) -> list[str]:
    """Where something stands in the place of a link to shared/, or of a shared path, that a deployment won't remove."""
    return [
        path if path.startswith("/") else f"{app.path}/current/{path}" for what, path in changes if what == "replaced"
    ]


def lacking(app: App, changes: Changes) -> list[str]:
    """Shared files that are gone: no deployment makes them."""
    files = {f"{app.path}/shared/{file}" for file in app.shared.files} - {app.toggles_file}
    return [path for what, path in changes if what == "missing" and path in files]


def shared_repair(app: App, changes: Changes, deploy: str | None, provision: str) -> str | None:
    """How people mend a release; what a deployment would refuse comes first.

    Args:
        app: The app.
        changes: How its release differs from what was deployed.
        deploy: The deployment that mends all else, in backquotes; None while a run is at it.
        provision: What makes the files that roles declare, in backquotes.
    """
    if deploy is None:
        return None
    moves = [f"`mv -T {shlex.quote(one)} {shlex.quote(_away(app, one))}`" for one in replaced(app, changes)]
    files = lacking(app, changes)
    if files:
        moves.append(f"put {', '.join(files)} there, or {provision} where a role makes it")
    if not moves:
        return deploy
    return f"{'; '.join(moves)}; then {deploy}"


def _away(app: App, place: str) -> str:
    """Where it may stay: a release that's deployed again is removed with whatever else is in it."""
    inside = place.removeprefix(f"{app.path}/current/")
    return f"{app.path}/{inside.replace('/', '-')}.away" if inside != place else f"{place}.away"
