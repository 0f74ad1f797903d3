"""DORA's five metrics of software delivery, by the definitions in force; pure.

See https://dora.dev/guides/dora-metrics/, as of 2026-01-05. They're of one app and one environment, for whoever works
on it: not for comparing people, teams or apps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cdconf.history.finding import matching
from cdconf.pipeline.value_stream.figures import Figures
from cdconf.pipeline.value_stream.model import DeliveredRelease, DeploymentAttempt, DeploymentMark
from cdconf.pipeline.value_stream.stream import Stream

SOURCE = "https://dora.dev/guides/dora-metrics/"
DEFINITIONS: Mapping[str, str] = {
    "change_lead_time": "the time from a change's commit to version control until it's deployed in production",
    "deployment_frequency": "how many deployments a period had, or how much time lay between them",
    "failed_deployment_recovery_time": "the time it takes to recover from a deployment that failed and had to be "
    "dealt with at once",
    "change_fail_rate": "the share of deployments that had to be dealt with at once afterwards, as by a rollback or "
    "a hotfix",
    "deployment_rework_rate": "the share of deployments that weren't planned, and came of an incident in production",
}
STOPPED = ("failed", "interrupted", "unreachable")  # verdicts of a deployment that never was confirmed


@dataclass(frozen=True)
class FailedDeployment:
    """A deployment that failed after it had been confirmed.

    Attributes:
        at: When it began to hurt: as somebody said, else when the environment had it.
        why: What says so.
        recovered: When that was over; None: it isn't yet.
        by: What ended it.
        is_assumed: Whether the next deployment is taken for what ended it, since nobody has said what did.
    """

    deployment: DeploymentAttempt
    at: float
    why: str
    recovered: float | None = None
    by: str = ""
    is_assumed: bool = False

    @property
    def length(self) -> float | None:
        """From `at` to `recovered`, in seconds."""
        return None if self.recovered is None else max(0.0, self.recovered - self.at)


@dataclass(frozen=True)
class Dora:
    """The five metrics.

    Attributes:
        lead: Change lead time.
        count: How many deployments there were.
        days: In how many days.
        between: The time between one and the next.
        failures: Those of the deployments that failed.
        recovery: Failed deployment recovery time.
        rework: The ids of deployments that repaired one that had failed.
        stopped: Attempts that were stopped before they were confirmed: they're no change failures.
        not_known: Attempts of which nobody knows how they ended.
        unresolved: What trailers and marks name that no deployment is.
    """

    lead: Figures
    count: int
    days: float
    between: Figures
    failures: tuple[FailedDeployment, ...]
    recovery: Figures
    rework: tuple[str, ...]
    stopped: tuple[DeploymentAttempt, ...]
    not_known: tuple[DeploymentAttempt, ...]
    unresolved: tuple[str, ...] = ()

    @property
    def change_fail_rate(self) -> tuple[int, int]:
        """How many of how many deployments failed."""
        return len(self.failures), self.count

    @property
    def rework_rate(self) -> tuple[int, int]:
        """How many of how many deployments were rework."""
        return len(self.rework), self.count


@dataclass
class _Events:
    """What was said of deployments, and what happened to them."""

    failed: dict[str, tuple[float, str]] = field(default_factory=dict)  # id -> since when, why
    over: dict[str, tuple[float, str]] = field(default_factory=dict)  # id -> when, by what
    rework: set[str] = field(default_factory=set)
    unresolved: list[str] = field(default_factory=list)


def dora(found: Stream, deployments: Sequence[DeploymentAttempt], marks: Iterable[DeploymentMark], now: float) -> Dora:
    """The metrics of an app's stream.

    Args:
        found: The stream.
        deployments: All of the app's that ever were, the oldest first.
        marks: What was said of them; the last one of a deployment counts.
        now: The end of the period.
    """
    every = [*found.earlier, *found.releases]
    last = {mark.run: mark for mark in sorted(marks, key=lambda deployment_mark: deployment_mark.recorded_at)}
    events = _Events()
    _went_back(every, deployments, events)
    _repaired(every, last, events)
    _said(every, last, events)
    failures = [
        _failure(release, every, events) for release in found.releases if release.deployment.id in events.failed
    ]
    lengths = [failure.length for failure in failures if failure.length is not None]
    attempts = [
        deployment
        for deployment in found.deployments
        if deployment.kind == "deployment" and deployment.verified_at is None
    ]
    times = [release.verified for release in found.releases]
    return Dora(
        lead=found.whole.lead,
        count=len(found.releases),
        days=(now - found.since) / 86400,
        between=Figures.of(later - earlier for earlier, later in pairwise(times)),
        failures=tuple(failures),
        recovery=Figures.of(lengths),
        rework=tuple(release.deployment.id for release in found.releases if release.deployment.id in events.rework),
        stopped=tuple(attempt for attempt in attempts if attempt.verdict in STOPPED),
        not_known=tuple(attempt for attempt in attempts if attempt.verdict == "unknown"),
        unresolved=tuple(dict.fromkeys(events.unresolved)),
    )


def _went_back(releases: Sequence[DeliveredRelease], deployments: Sequence[DeploymentAttempt], events: _Events) -> None:
    """A release has failed when the environment went back from it, by a rollback or by an older one's deployment."""
    place = {
        release.deployment.archive: number for number, release in enumerate(releases) if release.deployment.archive
    }
    ids = {release.deployment.id: number for number, release in enumerate(releases)}
    current: int | None = None
    for deployment in sorted(deployments, key=lambda attempt: attempt.verified_at or 0.0):
        at = deployment.verified_at
        if at is None:
            continue
        known = place.get(deployment.archive) if deployment.archive and deployment.kind != "deployment" else None
        following = ids.get(deployment.id, known)
        is_back = deployment.kind == "rollback" or (
            following is not None and current is not None and following < current
        )
        if is_back and current is not None and following != current:
            gone = releases[current].deployment.id
            events.failed.setdefault(gone, (releases[current].verified, f"went back to {deployment.label}"))
            events.over.setdefault(gone, (at, f"went back to {deployment.label}"))
        current = following if following is not None else current


def _repaired(releases: Sequence[DeliveredRelease], marks: Mapping[str, DeploymentMark], events: _Events) -> None:
    """A release that somebody says repairs another one is rework, and that one has failed."""
    for release in releases:
        own = release.deployment
        mark = marks.get(own.id)
        named = [word for change in release.changes for word in change.commit.fixes]
        for word in [*named, *([mark.fixes] if mark and mark.fixes else [])]:
            broken = named_by(word, [delivered_release.deployment for delivered_release in releases])
            if broken is None or broken.id == own.id:
                events.unresolved.append(word)
                continue
            events.rework.add(own.id)
            verified = next(
                delivered_release.verified
                for delivered_release in releases
                if delivered_release.deployment.id == broken.id
            )
            events.failed.setdefault(broken.id, (verified, f"repaired by {own.label}"))
            events.over.setdefault(broken.id, (release.verified, f"repaired by {own.label}"))


def _said(releases: Sequence[DeliveredRelease], marks: Mapping[str, DeploymentMark], events: _Events) -> None:
    """What somebody has said of a deployment wins over what its history looks like."""
    for release in releases:
        mark = marks.get(release.deployment.id)
        if mark is not None and mark.failed:
            why = mark.why or events.failed.get(mark.run, (0.0, "marked as failed"))[1]
            events.failed[mark.run] = (mark.at if mark.at is not None else release.verified, why)
        elif mark is not None and not mark.fixes:
            events.failed.pop(mark.run, None)


def _failure(release: DeliveredRelease, releases: Sequence[DeliveredRelease], events: _Events) -> FailedDeployment:
    own = release.deployment
    at, why = events.failed[own.id]
    if own.id in events.over:
        return FailedDeployment(own, at, why, *events.over[own.id])
    following = next(
        (delivered_release for delivered_release in releases if delivered_release.verified > max(at, release.verified)),
        None,
    )
    if following is None:
        return FailedDeployment(own, at, why)
    return FailedDeployment(
        own, at, why, following.verified, f"then came {following.deployment.label}", is_assumed=True
    )


def named_by(word: str, deployments: Sequence[DeploymentAttempt]) -> DeploymentAttempt | None:
    """The deployment that a word names: its id, the one that hosts know, a unique beginning of it, or `app@version`."""
    by_label = [deployment for deployment in deployments if word == deployment.label]
    found = by_label[-1:] or matching(word, deployments, lambda attempt: (attempt.id, attempt.run))
    return found[0] if len(found) == 1 else None
