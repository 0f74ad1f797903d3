"""An artifact passes a gate, or doesn't: judged before any host is asked, and again while the hosts are held."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.clocks import Clock
from cdconf.events import Emit, Notice
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.gates import Gate, closed, gate_of
from cdconf.promotion.overrides import check_reason, override_artifact

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdconf.artifacts import Artifact
    from cdconf.inventory import Environment, Project
    from cdconf.promotion.procedure import Procedure


@dataclass
class Passing:
    """One deployment's way through a gate.

    Attributes:
        reason: Why it's passed without what it asks for; None: it isn't.
        extra: Gets what was judged, for the JSON document.
        read: Reads the procedure of an app; see `Procedures`.
        clock: What time it is: by this machine's clock at first, and by its hosts' once they're held.
    """

    project: Project
    environment: Environment
    artifact: Artifact
    emit: Emit
    reason: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    read: Callable[[str], Procedure] | None = None
    clock: Clock = field(default_factory=Clock)
    _passed: frozenset[str] = frozenset()

    def first(self) -> None:
        """Judges the gate, before any host is asked; writes down that it's overridden.

        Raises:
            ArtifactError: The store or the signers can't be read; the override's key isn't here.
            GateClosed: Something is missing, and the gate isn't overridden.
            UsageError: The reason is too short.
        """
        if self.reason is not None:
            check_reason(self.reason)
        gate = self._gate()
        self.extra["gates"] = [asdict(link) for link in gate.links]
        if self.reason is None:
            gate.refuse()
            return
        if not gate.missing and not any(link.state == "asked_later" for link in gate.links):
            self.emit(Notice(f"there's nothing to override: {self.environment.name}'s gate is open"))
            self.reason = None
            return
        evidence = Evidence.of(self.project, self.emit)
        missing = [link for link in gate.links if link.state != "there"]
        name = override_artifact(evidence, gate.candidate, missing, self.artifact.version, self.reason)
        self._passed = frozenset(link.name for link in missing)
        self.extra |= {"override": self.reason, "overridden": name}
        listed = ", ".join(link.name for link in missing)
        text = f"OVERRIDDEN: {self.artifact.label} goes to {self.environment.name} without: {listed}"
        self.emit(Notice(f"{text}; history and status show this until a proof replaces it ({name})", warning=True))

    def again(self) -> None:
        """Judges it once more, while the hosts are held: something may have been stopped since.

        Raises:
            ArtifactError: The store or the signers can't be read any more.
            GateClosed: Something is missing that wasn't overridden.
        """
        gate = self._gate(quietly=True)
        missing = [link for link in gate.missing if link.name not in self._passed]
        if missing:
            hint = "nothing was changed; it was judged differently a moment ago, so look again: `cdconf gates`"
            raise closed(f"{gate.label} can't go to {gate.environment} any more", missing, hint)

    @property
    def is_overridden(self) -> bool:
        """Whether the gate is passed without what it asks for."""
        return self.reason is not None

    def _gate(self, *, quietly: bool = False) -> Gate:
        emit: Emit = (lambda event: None) if quietly else self.emit
        return gate_of(self.project, self.environment, self.artifact, emit, read=self.read, clock=self.clock)
