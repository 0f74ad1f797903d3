"""Which shape an app's databases have: one for all hosts, or one on each; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdconf.databases.applied_migrations import Pages, Shape

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.inventory import App


class Shapes:
    """The shapes that a release must fit on all hosts; what each may refuse, see `Shape`."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._shapes = shapes

    def check_deploy(self, app: App, artifact: Artifact) -> None:
        """Raises `GateClosed` for an artifact that needs what a contract has removed."""
        for shape in self._shapes:
            shape.check_deploy(app, artifact)

    def check_rollback(self, app: App, pages: Pages, release: str) -> None:
        """Raises `GateClosed` for a release to go back to that needs what a contract has removed."""
        for shape in self._shapes:
            shape.check_rollback(app, pages, release)

    def check_version(self, app: App, version: str) -> None:
        """Raises `GateClosed` for a version to go back to that was given up for a contract, or is older than one."""
        for shape in self._shapes:
            shape.check_version(app, version)


def shape_of(app: App, pages: Pages) -> Shapes:
    """The shapes by what the agents' `app.status` say: numbers of hosts with databases of their own don't compare."""
    if app.migrate.each:
        return Shapes([Shape.of({host: page}) for host, page in pages.items()])
    return Shapes([Shape.of(pages)])
