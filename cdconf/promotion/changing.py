"""What `contract`, `toggle` and `destroy` heed of a gate: no artifact goes anywhere, so nothing has to be proven.

Windows and freezes say when something may be changed, a stop says that nothing of an app moves, and what an operator
guards isn't removed by the way.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.clocks import Clock
from cdconf.events import Emit, Notice
from cdconf.promotion.candidate import CandidateLink
from cdconf.promotion.evidence import Evidence
from cdconf.promotion.gates import closed
from cdconf.promotion.heads import journal_head
from cdconf.promotion.overrides import check_reason, overriding_key
from cdconf.promotion.pins import check_pins
from cdconf.promotion.requirements import requirements_of
from cdconf.promotion.said import Override, Subject
from cdconf.promotion.saying import say, whoami
from cdconf.promotion.stops import stop_links
from cdconf.promotion.times import time_links

if TYPE_CHECKING:
    from cdconf.inventory import Environment, Project
    from cdconf.promotion.requirements import Requirements

_CANT_WAIT = "what can't wait passes with `--override REASON`, which everybody sees"


@dataclass
class Changing:
    """One run of a verb that changes an environment, and brings nothing to it.

    Attributes:
        command: The verb.
        app: The app whose line may be stopped; None: the verb is about hosts.
        reason: Why it's done although something speaks against it; None: then it isn't done.
        extra: Gets what was judged, for the JSON document.
        clock: What time it is: by this machine's clock at first, and by its hosts' once they're held.
        removes: Whether it removes the environment, which what an operator guards isn't.
    """

    project: Project
    environment: Environment
    command: str
    app: str | None
    emit: Emit
    reason: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    removes: bool = False
    _passed: frozenset[str] = frozenset()

    def first(self) -> None:
        """Judges it before any host is asked; writes down that it's overridden.

        Raises:
            ArtifactError: The store, the signers or the policy can't be read; the override's key isn't here.
            GateClosed: Something speaks against it, and isn't overridden.
            InvalidFile: The operator's policy breaks a rule.
            UsageError: The reason is too short.
        """
        if self.reason is not None:
            check_reason(self.reason)
        self._judge(())

    def again(self, running: Sequence[Subject] = ()) -> None:
        """Judges it once more while the hosts are held, by their clocks, and by what runs there.

        Args:
            running: The artifacts that the hosts run.

        Raises:
            GateClosed: See `first`; nothing was changed.
        """
        self._judge(running)
        if self.reason is not None and "overridden" not in self.extra:
            self.emit(Notice(f"there's nothing to override: nothing forbids `{self.command}` now"))

    def tell(self) -> None:
        """Says what would be refused, for a run that changes nothing."""
        for link in self._missing(()):
            self.emit(Notice(f"it would be refused now: {link.name}: {link.why}", warning=True))

    def _judge(self, running: Sequence[Subject]) -> None:
        missing = [link for link in self._missing(running) if link.name not in self._passed]
        if not missing:
            return
        if self.reason is None:
            command = missing[0].command
            hint = f"`{command}` brings the first of them; {_CANT_WAIT}" if command else _CANT_WAIT
            raise closed(f"`{self.command}` isn't for {self.environment.name} now", missing, hint)
        name = self._override(missing, running)
        self._passed |= {link.name for link in missing}
        self.extra |= {"override": self.reason, "overridden": name}
        listed = ", ".join(link.name for link in missing)
        text = f"OVERRIDDEN: `{self.command}` changes {self.environment.name} without: {listed}"
        self.emit(Notice(f"{text}; history says so ({name})", warning=True))

    def _missing(self, running: Sequence[Subject]) -> list[CandidateLink]:
        wanted = requirements_of(self.project, self.environment)
        if self.app is not None:
            check_pins(self.project, wanted.policy)
        links = self._protection(wanted) + time_links(wanted, self.clock.counted())
        if self.app is not None and wanted.heeds_stops:
            links += self._stops(self.app, running)
        self.extra["gates"] = [asdict(link) for link in links]
        return [link for link in links if link.state == "missing"]

    def _protection(self, wanted: Requirements) -> list[CandidateLink]:
        name = self.environment.name
        if not self.removes or self.environment.throwaway is not None or name not in wanted.policy.environments:
            return []
        return [
            CandidateLink(
                "not guarded", "missing", f"{wanted.policy.file} guards {name}, so it isn't removed by the way"
            )
        ]

    def _stops(self, app: str, running: Sequence[Subject]) -> list[CandidateLink]:
        evidence = Evidence.of(self.project, self.emit, clock=self.clock)
        found: dict[str | None, CandidateLink] = {}
        for subject in running or (None,):
            archive = subject.archive if subject is not None else None
            for link in stop_links(evidence.stops(app, archive), self.project.name, app, archive):
                found.setdefault(link.statement, link)
        return list(found.values())

    def _override(self, missing: Sequence[CandidateLink], running: Sequence[Subject]) -> str:
        """Writes it down before anything is changed; returns the object's name."""
        evidence = Evidence.of(self.project, self.emit)
        said = Override(
            subject=running[0] if running else None,
            project=self.project.name,
            environment=self.environment.name,
            command=self.command,
            app=self.app,
            version=running[0].name.rpartition("@")[2] if running else None,
            procedure="",
            by=whoami(),
            reason=(self.reason or "").strip(),
            at=time.time(),
            missing=tuple(link.name for link in missing),
        )
        return say(evidence.place, said, overriding_key(evidence), journal_head(self.project))


def running_artifacts(app: str, pages: Mapping[str, Mapping[str, Any]]) -> list[Subject]:
    """The artifacts that hosts run, each once.

    Args:
        app: The app.
        pages: Host -> what its agent's `app.status` says.
    """
    found = {}
    for page in pages.values():
        about = page.get("releases", {}).get(page["linked"]) if page["linked"] else None
        if about is not None:
            version = str(page["linked"]).rpartition("-")[0]
            found[about["archive"]] = Subject(f"{app}@{version}", about["archive"], about["tree"])
    return list(found.values())
