"""What a run asks of the pipeline that deploys again what was verified there: only whether it may."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact


@dataclass(frozen=True)
class Returning:
    """A `Line` that passes no stage and stops nothing: what becomes of the release says nothing of the artifact.

    Attributes:
        again: Judges the gate once more, while the hosts are held; raises `GateClosed`.
    """

    again: Callable[[], None]
    demanded: bool = False

    def check(self) -> None:
        self.again()

    def is_unsaid(self, artifact: Artifact, deployed: Mapping[str, Mapping[str, Any] | None]) -> bool:
        return False

    def passed(
        self,
        artifact: Artifact,
        hosts: Mapping[str, Any],
        untouched: Iterable[str] = (),
        lent: Mapping[str, str] | None = None,
    ) -> None:
        """No stage is passed by it."""

    def failed(self, artifact: Artifact, why: str) -> None:
        """It was verified here before: what keeps it from running now lies elsewhere."""

    def went_back_from(self, app: str, releases: Iterable[Mapping[str, Any]]) -> None:
        """It goes back from nothing."""

    def stopped(self, app: str, archives: Iterable[str]) -> set[str]:
        return set()
