"""What a deployment asks of the pipeline, and tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.engine import Fleet
    from cdconf.inventory import Host


class PipelineLink(Protocol):
    """The pipeline, as a run sees it."""

    @property
    def demanded(self) -> bool:
        """Whether a stage is to be passed: hosts that run the artifact already get it again."""

    def check(self) -> None:
        """Judges the gate again, once the hosts are held; raises `GateClosed`."""

    def is_unsaid(self, artifact: Artifact, deployed: Mapping[str, Mapping[str, Any] | None]) -> bool:
        """Whether one run brought the artifact to all hosts, and couldn't say so; see `StageRun.is_unsaid`."""

    def passed(
        self,
        artifact: Artifact,
        hosts: Mapping[str, Any],
        untouched: Iterable[str] = (),
        lent: Mapping[str, str] | None = None,
    ) -> None:
        """A whole deployment has ended well; see `StageRun.passed`."""

    def failed(self, artifact: Artifact, why: str) -> None:
        """The artifact itself has failed."""

    def went_back_from(self, app: str, releases: Iterable[Mapping[str, Any]]) -> None:
        """A rollback has left these releases."""

    def stopped(self, app: str, archives: Iterable[str]) -> set[str]:
        """Those of the archives that are stopped."""


def held_hosts(fleet: Fleet, hosts: Iterable[Host]) -> dict[str, dict[str, Any]]:
    """Name -> who the host says that it is, and the number by which this run holds it."""
    return {
        host.name: {
            "identity": {"environment": fleet.environment.name, "host": host.name},
            "fence": fleet.fences.get(host.name),
        }
        for host in hosts
    }
