"""Artifacts that hosts refuse, since they failed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.errors import Pinned, first_line

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.deploy.deployment import DeployOptions
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host


def check_pins(
    fleet: Fleet,
    app: App,
    artifact: Artifact,
    pages: Mapping[str, Mapping[str, Any]],
    hosts: Sequence[Host],
    options: DeployOptions,
) -> None:
    """A pinned artifact is refused, unless it's unpinned with a reason; raises `Pinned`."""
    pins = {
        name: page["pinned"][artifact.archive] for name, page in pages.items() if artifact.archive in page["pinned"]
    }
    if not pins:
        return
    if options.unpin:
        reason = options.mask(options.unpin)
        allow: dict[str, Any] = {"app": app.document(), "archive": artifact.archive, "reason": reason}
        fleet.each(hosts, lambda session: session.app_unpin(**allow)).all()
        return
    name, pin = next(iter(pins.items()))
    problem = first_line(str(pin["reason"]))
    raise Pinned(
        f"{artifact.label} is pinned, because it failed on {name}: {problem}",
        hint="deploy a build that mends it, or try this one again with --unpin REASON",
    )
