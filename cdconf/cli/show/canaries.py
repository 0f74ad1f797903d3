"""What `status` says of releases that only some hosts of an app were given."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cdconf.deploy.canaries import canary_of
from cdconf.events import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.cli.context import Run


def say_canaries(run: Run, found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Names each canary that stands, and what ends it; the same as data: `{"canaries": {app: …}}`.

    Args:
        run: The run.
        found: Host -> app -> what its agent's `app.status` says.
    """
    result: dict[str, Any] = {}
    for app in run.project.apps:
        canary = canary_of({host: pages[app] for host, pages in found.items() if app in pages})
        if canary is None:
            continue
        result[app] = canary.as_dict()
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(canary.since))
        where = f"{', '.join(canary.hosts)} since {since}, and not on {', '.join(canary.others)}"
        text = f"{app}: {canary.version} is a canary on {where}: {canary.ways(app, run.environment.name)}"
        run.emit(Notice(text, warning=True))
    return {"canaries": result}
