"""What the value stream is made of, as data. Times are in seconds since 1970, lengths in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["work", "queue", "people"]
KINDS: tuple[Kind, ...] = ("work", "queue", "people")
LEFT_OUT = Literal["merge", "reverted"]  # why a commit is none of the changes that are counted


@dataclass(frozen=True)
class StreamCommit:
    """A commit, as git has it.

    Attributes:
        at: When it was committed, by the clock of the machine that did so.
        authored_at: When it was first written; a rebase or an amendment changes `at` alone.
        parents: Their ids, those that a shallow clone lacks included or not.
        reverts: The ids of commits that its message says it reverts.
        fixes: The deployments that its trailers `Fixes-Deployment:` name.
    """

    id: str
    at: float
    authored_at: float
    parents: tuple[str, ...] = ()
    subject: str = ""
    reverts: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamStageState:
    """A commit has come into a state in a stage; see `entries.State`.

    Attributes:
        apps: Whose artifacts; none: all of them.
        opens_by_itself: Of one that's blocked, whether it waits for nothing but time.
    """

    commit: str
    stage: str
    at: float
    state: str
    why: str = ""
    apps: tuple[str, ...] = ()
    opens_by_itself: bool = False


@dataclass(frozen=True)
class StageSpan:
    """A time in which something was done to a commit, or in which it waited.

    Attributes:
        stage: In which stage; None: in whichever comes next.
        is_stop: Whether it waited because it was stopped.
    """

    commit: str
    stage: str | None
    kind: Kind
    begins: float
    ends: float
    is_stop: bool = False


@dataclass(frozen=True)
class StreamApproval:
    """Somebody has approved that an artifact goes to an environment."""

    archive: str
    environment: str
    at: float


@dataclass(frozen=True)
class StreamStop:
    """A stop: of an artifact, or of all of an app's, where `archive` is None; `ends` is None while it stands."""

    app: str
    archive: str | None
    begins: float
    ends: float | None
    stage: str | None = None


@dataclass(frozen=True)
class DeploymentAttempt:
    """An attempt to bring an artifact to the environment.

    Attributes:
        id: The history's own.
        run: The id by which hosts know it.
        commit: From which the artifact was built; None: nobody knows.
        committed_at: When it was confirmed on all hosts, after the last batch was verified; None: it wasn't.
        kind: `deployment`: an artifact that hadn't been verified there before; `re-deployment`, `rollback`,
            `throw-away`: a copy's.
        verdict: `passed`, `failed`, `interrupted`, `refused`, `unreachable` or `unknown`.
        stage: The pipeline's stage that it was.
    """

    id: str
    run: str | None
    app: str
    version: str | None
    archive: str | None
    commit: str | None
    began: float
    ended: float
    committed_at: float | None
    kind: str = "deployment"
    verdict: str = "passed"
    stage: str | None = None

    @property
    def verified_at(self) -> float | None:
        """When the environment had it, verified; None: it never had."""
        return self.ended if self.committed_at is None and self.verdict == "passed" else self.committed_at

    @property
    def label(self) -> str:
        """How people name what it brought."""
        return f"{self.app}@{self.version}" if self.version else f"{self.app}, run {self.id}"


@dataclass(frozen=True)
class DeploymentMark:
    """What somebody said of a deployment afterwards.

    Attributes:
        run: The deployment's id in the history.
        failed: Whether it failed.
        at: When that began to hurt.
        fixes: The id of the deployment that this one repairs.
        recorded_at: When it was said; a later mark takes the place of an earlier one.
    """

    run: str
    failed: bool
    at: float | None = None
    why: str = ""
    fixes: str | None = None
    recorded_at: float = 0.0


@dataclass(frozen=True)
class Segment:
    """A part of a change's way. `stage` is None before its first stage began."""

    stage: str | None
    kind: Kind
    begins: float
    ends: float
    is_stop: bool = False

    @property
    def length(self) -> float:
        """In seconds."""
        return self.ends - self.begins


@dataclass(frozen=True)
class StreamChange:
    """A commit on its way to the environment.

    Attributes:
        began: When its way began: when it was committed, unless that clock was wrong.
        verified: When the environment had it.
        segments: Its way without a gap, in order.
        clock: By how many seconds its own time was corrected; 0.0: not at all.
        left_out: Why it isn't counted; None: it is.
    """

    commit: StreamCommit
    began: float
    verified: float
    segments: tuple[Segment, ...]
    clock: float = 0.0
    left_out: LEFT_OUT | None = None

    @property
    def length(self) -> float:
        """From the commit to the environment, in seconds."""
        return self.verified - self.began


@dataclass(frozen=True)
class DeliveredRelease:
    """A deployment that brought something new, and the commits that came with it.

    Attributes:
        verified: When the environment had it.
        since: The deployment before it; None: it's the first one that's known.
        changes: The newest first. Of the first release only the commit that it was built from.
        unknown: Why not all of them are known; empty: they are.
    """

    deployment: DeploymentAttempt
    verified: float
    since: DeploymentAttempt | None
    changes: tuple[StreamChange, ...] = ()
    unknown: str = ""

    @cached_property
    def counted(self) -> tuple[StreamChange, ...]:
        """The changes that are counted."""
        return tuple(change for change in self.changes if change.left_out is None)


@dataclass(frozen=True)
class Waiting:
    """A commit that no release has brought yet, and its age in seconds."""

    commit: StreamCommit
    age: float
