"""What a rollout brings to which hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.deploy.deciding_tests import Deciding
    from cdconf.deploy.drains import Drains
    from cdconf.deploy.unavailable import Room
    from cdconf.inventory import App, Host


@dataclass(frozen=True)
class Target:
    """What goes where.

    Args:
        app: The app.
        release: The name of the release's directory.
        artifact: None when only the hosts know the release.
        hosts: Those that lack it, in order.
        manifest: The artifact's tree, see `cdconf.agent.release.tree`.
        drains: Takes its hosts out of use before they're activated; None: nothing does.
        room: Says whether a batch may begin; None: it always may.
        back: It's a rollback: the hosts forget what ran after the release.
        deciding: Which smoke tests decide; None: all do.
        procedure: The digest of the procedure; None where none can be proven.
        canary: Other hosts of the app go on with what they run, until it is finished or taken back.
    """

    app: App
    release: str
    artifact: Artifact | None
    hosts: Sequence[Host]
    manifest: Sequence[dict[str, Any]] = ()
    drains: Drains | None = None
    room: Room | None = None
    back: bool = False
    deciding: Deciding | None = None
    procedure: str | None = None
    canary: bool = False
