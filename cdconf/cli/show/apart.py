"""What `status` says of apps that hosts keep requests from: drained hosts, and maintenance pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.cli.show.drained_hosts import say_drained
from cdconf.deploy.drained import drains_on
from cdconf.deploy.maintenance import pages_on, say_pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.cli.context import Run
    from cdconf.inventory import Project
    from cdconf.session import Session


def apart_on(session: Session, project: Project) -> dict[str, Any]:
    """What a host keeps requests from: `drains`, see `drains_on`, and `pages`, see `pages_on`."""
    return {"drains": drains_on(session, project), "pages": pages_on(session, project)}


def say_apart(
    run: Run, found: Mapping[str, Mapping[str, Any]], leases: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, Any]:
    """Names each drained host and each page; the same as data: `drained` and `maintenance`.

    Args:
        run: The run.
        found: Host -> what it keeps requests from, see `apart_on`.
        leases: Host -> who holds it.
    """
    drained = say_drained(run, {name: one["drains"] for name, one in found.items()}, leases)
    pages = {name: one["pages"] for name, one in found.items()}
    return {"drained": drained, "maintenance": say_pages(pages, run.environment.name, run.emit)}
