"""What signers say, as data: that a stage has passed or failed, that something stops, goes on, or passes a gate.

Times are in seconds since 1970, by the signer's clock. Digests are in hex.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact


@dataclass(frozen=True)
class Subject:
    """The artifact that a statement is about, by both of its digests."""

    name: str
    archive: str
    tree: str

    @classmethod
    def of(cls, artifact: Artifact) -> Subject:
        """An artifact as the subject of a statement."""
        return cls(artifact.label, artifact.archive, artifact.tree)


@dataclass(frozen=True)
class Proof:
    """An artifact, brought to an environment by a procedure, has passed or failed a stage.

    Attributes:
        copy_of: The environment that the stage's own one is a copy of.
        procedure: The digest of how the app is brought there.
        tool: The digest of cdconf itself.
        commit: The commit whose procedure it was.
        hosts: Name -> `{"identity", "fence"}`.
        smoke: `{"passed", "failed"}`: how many smoke tests.
        acceptance: The same of the stage's own command; None when none was run.
        parity: `{"with", "alike"}`; None when it wasn't asked.
        run: The run's id, as hosts and history know it.
        isolated: Whether the commit's own code ran without access to the key.
        built_from: The commit that the artifact was built from; None when nobody knows, or an older version said it.
    """

    subject: Subject
    project: str
    app: str
    version: str
    stage: str
    environment: str
    copy_of: str | None
    result: Literal["passed", "failed"]
    procedure: str
    tool: str
    commit: str
    started: float
    finished: float
    hosts: Mapping[str, Any]
    smoke: Mapping[str, Any]
    acceptance: Mapping[str, Any] | None
    parity: Mapping[str, Any] | None
    run: str
    isolated: bool
    built_from: str | None = None

    @property
    def key(self) -> str:
        """What it's found by."""
        return self.subject.archive

    def document(self, statement: str) -> dict[str, Any]:
        """What people and programs are told of it; `statement` is the name of its object in the store."""
        return {
            "statement": statement,
            "stage": self.stage,
            "environment": self.environment,
            "result": self.result,
            "at": self.finished,
            "smoke": dict(self.smoke),
            "acceptance": dict(self.acceptance) if self.acceptance else None,
            "parity": dict(self.parity) if self.parity else None,
        }


@dataclass(frozen=True)
class HeldPeriod:
    """A time for which hosts held a release, proven well; `procedure` is the digest of how it was brought there."""

    begins: float
    ends: float
    procedure: str


@dataclass(frozen=True)
class Held:
    """For how long the hosts of a stage have held an artifact, proven well. For the rest see `Proof`.

    Attributes:
        periods: When all of them did so, in order.
        at: When that was found out.
        isolated: Whether the commit's own code that ran for it could reach no key.
    """

    subject: Subject
    project: str
    app: str
    version: str
    stage: str
    environment: str
    copy_of: str | None
    periods: tuple[HeldPeriod, ...]
    hosts: Mapping[str, Any]
    at: float
    isolated: bool

    @property
    def key(self) -> str:
        """What it's found by."""
        return self.subject.archive


@dataclass(frozen=True)
class RolesProof:
    """An environment that a stage names was provisioned with roles, and all went well. For the rest see `Proof`.

    Attributes:
        trees: Path -> the id of its git tree: of roles (`roles/base`), and of what they may use.
    """

    project: str
    stage: str
    environment: str
    copy_of: str | None
    trees: Mapping[str, str]
    result: Literal["passed", "failed"]
    tool: str
    commit: str
    started: float
    finished: float
    hosts: Mapping[str, Any]
    run: str
    isolated: bool


@dataclass(frozen=True)
class Stop:
    """An artifact, or all of an app's, goes no further.

    Attributes:
        subject: The artifact; None when the app is stopped.
        stage: The stage whose verdict it was; None when a person has stopped it.
        environment: Where it failed; None when a person has stopped it.
        throwaway: Whether that was a throw-away copy, which may try again by itself.
        by: Who stopped it.
        why: Why.
    """

    subject: Subject | None
    project: str
    app: str
    version: str | None
    stage: str | None
    environment: str | None
    throwaway: bool
    by: str
    why: str
    at: float

    @property
    def scope(self) -> str:
        """Whether it stops the artifact or the app."""
        return "app" if self.subject is None else "artifact"

    @property
    def key(self) -> str:
        """What it's found by."""
        return app_key(self.project, self.app) if self.subject is None else self.subject.archive


@dataclass(frozen=True)
class Lift:
    """A stop is lifted.

    Attributes:
        stop: The SHA-256 of the stop's object.
        note: Why it doesn't stand any more.
    """

    stop: str
    project: str
    app: str
    by: str
    note: str
    at: float


@dataclass(frozen=True)
class Override:
    """Somebody has passed an environment's gate without what it asks for.

    Attributes:
        subject: The artifact; None for a provision, and where none is known.
        command: `deploy`, `provision`, `contract`, `toggle` or `destroy`.
        procedure: The procedure's digest; empty when there's none.
        missing: What was missing, for people.
        trees: Of a provision: path -> the id of its git tree.
    """

    subject: Subject | None
    project: str
    environment: str
    command: str
    app: str | None
    version: str | None
    procedure: str
    by: str
    reason: str
    at: float
    missing: tuple[str, ...] = ()
    trees: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What it's found by."""
        return environment_key(self.project, self.environment)


@dataclass(frozen=True)
class Approval:
    """A person approves that an artifact is brought to an environment by a procedure, or rejects it.

    Attributes:
        commit: The commit that the procedure was read from.
        note: Why; empty where nothing was said.
        seen: The SHA-256 of each statement and stop that was there when it was decided.
        by: `user@host`, for people: whose key has signed is what counts.
        expires: After which time it counts for nothing; None: as an environment says.
        nonce: Makes each of them another one.
    """

    subject: Subject
    project: str
    app: str
    version: str
    environment: str
    procedure: str
    commit: str
    decision: Literal["approved", "rejected"]
    note: str
    seen: tuple[str, ...]
    by: str
    at: float
    expires: float | None
    nonce: str

    @property
    def key(self) -> str:
        """What it's found by."""
        return self.subject.archive


Said = Proof | Held | RolesProof | Stop | Lift | Override | Approval


def app_key(project: str, app: str) -> str:
    """What the stops of an app are found by."""
    return _key("app", project, app)


def environment_key(project: str, environment: str) -> str:
    """What the overrides of an environment are found by."""
    return _key("environment", project, environment)


def release_key(project: str, environment: str, app: str) -> str:
    """What the proofs of an app's releases in an environment are found by."""
    return _key("release", project, environment, app)


def tree_key(project: str, path: str, tree: str) -> str:
    """What the proofs of a role, or of what roles use, are found by."""
    return _key("tree", project, path, tree)


def _key(*words: str) -> str:
    return hashlib.sha256("\0".join(("cdconf", *words)).encode("utf-8")).hexdigest()
