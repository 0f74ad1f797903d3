"""Drift that was found and that's gone, each told once: compares what a look has found with what was told before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.notify.conditions import Topic, closed, opened, subjects
from cdconf.notify.kinds import Notification

if TYPE_CHECKING:
    from cdconf.drift.findings import DriftFinding
    from cdconf.notify.outbox import Outbox

Identity = tuple[str, str, str]  # (host, type, title)
_CAUSES = {
    "by_hand": "somebody has changed it on the host",
    "not_applied": "the files want it otherwise, and nobody has applied them",
    "both": "somebody has changed it on the host, and the files want it otherwise, too",
}
_EVIDENCE = 3  # sentences


@dataclass(frozen=True)
class EnvironmentLook:
    """One look for drift in an environment.

    Attributes:
        project: The project's name.
        environment: The environment's name.
        run: The run's row in the history.
        findings: What it has found.
        has_seen: Tells of a finding that isn't there any more whether this look would have found it.
        with_files: Whether it has compared hosts with the files: else it knows nothing of what isn't applied.
    """

    project: str
    environment: str
    run: str
    findings: tuple[DriftFinding, ...]
    has_seen: Callable[[Identity], bool]
    with_files: bool = True


def told_of(outbox: Outbox, look: EnvironmentLook) -> list[Notification]:
    """What's to be told after a look; what's open is remembered. Called within a change.

    What can't be told (`unknown`), or wasn't looked at, neither begins nor ends. What's waived ends without a word.
    """
    by_host = Topic("drift_found", "drift_gone", (look.environment,))
    by_files = Topic("drift_found", "drift_gone", (look.environment, "files"))
    told = []
    quiet: set[Identity] = set()
    ringing: set[Identity] = set()
    for finding in look.findings:
        topic, other = (by_files, by_host) if finding.cause == "not_applied" else (by_host, by_files)
        if finding.waived is not None:
            closed(outbox, topic, finding.identity)
            closed(outbox, other, finding.identity)
            quiet.add(finding.identity)
        elif finding.cause == "unknown":
            quiet.add(finding.identity)
        elif finding.identity not in ringing:
            ringing.add(finding.identity)
            told.append(_found(look, finding, opened(outbox, topic, finding.identity, look.run)))
            closed(outbox, other, finding.identity)  # the same finding, for another reason
    for topic in (by_host, by_files) if look.with_files else (by_host,):
        for host, kind, title in _still_open(outbox, topic, ringing | quiet):
            if look.has_seen((host, kind, title)):
                event = closed(outbox, topic, (host, kind, title))
                if event is not None:
                    what = f"{look.project}: {look.environment}: drift gone on {host}: {kind} {title}"
                    told.append(Notification(event, "drift_gone", what, "It is as it should be.", look.environment))
    return told


def _still_open(outbox: Outbox, topic: Topic, named: set[Identity]) -> Iterable[Identity]:
    for subject in subjects(outbox, topic):
        host, kind, title = subject
        if (host, kind, title) not in named:
            yield host, kind, title


def _found(look: EnvironmentLook, finding: DriftFinding, event: str) -> Notification:
    lines = [f"{finding.type} {finding.title} on {finding.host}: {_CAUSES.get(finding.cause, finding.cause)}."]
    lines += [f"declared in {finding.source}"] if finding.source else []
    lines += [*finding.evidence[:_EVIDENCE]]
    lines += [finding.message] if finding.message else []
    lines.append(f"mend it: {finding.repair}" if finding.repair else f"look: cdconf drift {look.environment}")
    title = f"{look.project}: {look.environment}: drift on {finding.host}: {finding.type} {finding.title}"
    return Notification(event, "drift_found", title, "\n".join(lines), look.environment)
