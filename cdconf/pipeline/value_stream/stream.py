"""An app's value stream to an environment; pure: nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cdconf.clocks import TOLERANCE
from cdconf.pipeline.value_stream import spans as made
from cdconf.pipeline.value_stream.commits import Brought, brought, left_out, not_brought, times
from cdconf.pipeline.value_stream.figures import Whole, whole
from cdconf.pipeline.value_stream.model import (
    DeliveredRelease,
    DeploymentAttempt,
    DeploymentMark,
    StageSpan,
    StreamApproval,
    StreamChange,
    StreamCommit,
    StreamStageState,
    StreamStop,
    Waiting,
)
from cdconf.pipeline.value_stream.split import clip, split


@dataclass(frozen=True)
class StreamInput:
    """All that's known of a project's way to an environment.

    Attributes:
        environment: Its name.
        stage: The stage that names it; None: none does.
        order: Stage -> its place in the pipeline.
        commits: Children before parents.
        head: The branch's last commit; None: nobody knows.
        ends: The commits at which a shallow clone ends.
        deployments: To the environment, the oldest first.
        now: When all of that was so.
    """

    environment: str
    stage: str | None
    order: Mapping[str, int]
    commits: Mapping[str, StreamCommit]
    head: str | None
    ends: frozenset[str]
    deployments: tuple[DeploymentAttempt, ...]
    states: tuple[StreamStageState, ...]
    approvals: tuple[StreamApproval, ...]
    stops: tuple[StreamStop, ...]
    marks: tuple[DeploymentMark, ...]
    now: float


@dataclass(frozen=True)
class Stream:
    """An app's value stream.

    Attributes:
        since: From when on releases count.
        releases: The oldest first.
        whole: What their changes say together.
        waiting: What no release has brought yet, the newest first.
        deployments: All attempts since then, the oldest first.
        earlier: The releases before that.
    """

    app: str
    since: float
    releases: tuple[DeliveredRelease, ...]
    whole: Whole
    waiting: tuple[Waiting, ...]
    deployments: tuple[DeploymentAttempt, ...]
    earlier: tuple[DeliveredRelease, ...] = ()

    @property
    def clocks(self) -> list[StreamChange]:
        """The changes whose commit's time can't be right."""
        return [change for release in self.releases for change in release.changes if abs(change.clock) > TOLERANCE]


def stream(known: StreamInput, app: str, since: float) -> Stream:
    """An app's value stream.

    Args:
        known: What's known.
        app: The app.
        since: Releases that were verified before then don't count.
    """
    own = [deployment for deployment in known.deployments if deployment.app == app]
    first_ones = [attempt for attempt in own if attempt.kind == "deployment" and attempt.verified_at is not None]
    every = _Way(known, app, own).releases(first_ones)
    counted = tuple(release for release in every if release.verified >= since)
    changes = [change for release in counted for change in release.counted]
    return Stream(
        app,
        since,
        counted,
        whole(changes, known.order),
        _waiting(known, [attempt.commit for attempt in first_ones]),
        tuple(attempt for attempt in own if attempt.ended >= since),
        tuple(release for release in every if release.verified < since),
    )


def _waiting(known: StreamInput, released: Sequence[str | None]) -> tuple[Waiting, ...]:
    """Without any release it isn't known what has been deployed before."""
    if known.head is None or not any(one in known.commits for one in released if one):
        return ()
    names = not_brought(known.head, released, known.commits)
    skipped = left_out(names, known.commits)
    at = times(known.commits, {known.head: known.now}) if names else {}
    return tuple(Waiting(known.commits[name], known.now - at[name]) for name in names if name not in skipped)


class _Way:
    """The ways of an app's changes.

    Args:
        known: What's known.
        app: The app.
        deployments: The app's, of whichever kind.
    """

    def __init__(self, known: StreamInput, app: str, deployments: Sequence[DeploymentAttempt]) -> None:
        self._known, self._app = known, app
        self._archives = {deployment.commit: deployment.archive for deployment in deployments if deployment.commit}
        opened = {
            commit: made.opened_by(self._approvals, known.stops, archive, app)
            for commit, archive in self._archives.items()
        }
        states = [state for state in known.states if not state.apps or app in state.apps]
        self._spans = made.of_states(states, opened, known.now)
        for commit, those in made.of_deployments(deployments, known.stage).items():
            self._spans.setdefault(commit, []).extend(those)
        first = {commit: min(span.begins for span in those) for commit, those in self._spans.items() if those}
        self._times = times(known.commits, first)

    @property
    def _approvals(self) -> Sequence[StreamApproval]:
        return [approval for approval in self._known.approvals if approval.environment == self._known.environment]

    def releases(self, deployments: Sequence[DeploymentAttempt]) -> list[DeliveredRelease]:
        """Those of deployments that brought something, the oldest first."""
        there = brought([deployment.commit for deployment in deployments], self._known.commits, self._known.ends)
        found = []
        since: DeploymentAttempt | None = None
        for attempt, came in zip(deployments, there, strict=True):
            found.append(self._release(attempt, since, came))
            since = attempt
        return found

    def _release(
        self, deployment: DeploymentAttempt, since: DeploymentAttempt | None, came: Brought
    ) -> DeliveredRelease:
        verified = deployment.verified_at
        if verified is None:
            raise ValueError(deployment.id)
        release = DeliveredRelease(deployment, verified, since, unknown=self._unknown(deployment, since, came))
        if deployment.commit is None or not came.commits:
            return release
        carrying = self._all_of(deployment.commit, deployment.archive)
        begun = min((span.begins for span in carrying if not span.is_stop), default=verified)
        earliest = min(self._times[one] for one in came.commits)
        carried = split(min(earliest, verified), verified, carrying, self._known.order)
        skipped = left_out(came.commits, self._known.commits)
        changes = []
        for name in came.commits:
            commit, began = self._known.commits[name], min(self._times[name], verified)
            way = clip(carried, began)
            if name != deployment.commit and name in self._spans:
                before = [replace(span, ends=min(span.ends, begun)) for span in self._all_of(name, None)]
                way = split(began, verified, [*before, *carrying], self._known.order)
            changes.append(StreamChange(commit, began, verified, way, began - commit.at, skipped.get(name)))
        return replace(release, changes=tuple(changes))

    def _all_of(self, commit: str, archive: str | None) -> list[StageSpan]:
        archive = archive or self._archives.get(commit)
        stops = made.of_stops(self._known.stops, self._app, commit, archive, self._known.now)
        return [*self._spans.get(commit, ()), *stops]

    def _unknown(self, deployment: DeploymentAttempt, since: DeploymentAttempt | None, came: Brought) -> str:
        if deployment.commit is None:
            return "nobody knows the commit that it was built from"
        if not came.is_here:
            return f"commit {deployment.commit[:10]} isn't in this clone"
        if came.is_first:
            return "it's the first deployment whose commit is known, so only that commit is told"
        if came.is_cut_off:
            return "this clone's history is cut off within its commits"
        if since is not None and (since.commit is None or since.commit not in self._known.commits):
            return f"some of its commits may have come with {since.label}, whose own commit isn't known"
        return ""
