"""Why a stage's statement doesn't prove what's asked: each reason in words that follow "it"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cdconf.promotion.said import Proof

if TYPE_CHECKING:
    from cdconf.inventory.pipeline import Stage
    from cdconf.promotion.candidate import Candidate

NOT_ISOLATED = "was made where the commit's own code could have used the stage's key (isolated: false)"


def elsewhere(said: Proof, stage: Stage, candidate: Candidate) -> str | None:
    """What a proof is about, when that's another project, artifact, environment or procedure than the candidate's."""
    subject, wanted = said.subject, candidate.subject
    home = stage.environment
    command = f"cdconf procedure {candidate.app} --from {said.commit[:10]} --to HEAD"
    found = (
        (said.project != candidate.project, f"is about the project '{said.project}', not '{candidate.project}'"),
        (said.app != candidate.app, f"is about the app '{said.app}', not '{candidate.app}'"),
        (subject.archive != wanted.archive, f"is about another artifact: sha256 {subject.archive[:12]}"),
        (subject.tree != wanted.tree, f"is about another tree than the artifact's: {subject.tree[:12]}"),
        (
            home is not None and said.environment != home,
            f"is about the environment '{said.environment}', and stage '{stage.name}' is {home}",
        ),
        (
            stage.copy_of is not None and said.copy_of != stage.copy_of,
            f"is about {said.environment}, which isn't a copy of {stage.copy_of}",
        ),
        (
            said.procedure != candidate.procedure,
            f"is about another procedure, that of commit {said.commit[:10]}: `{command}` shows what changed",
        ),
    )
    return next((why for is_so, why in found if is_so), None)


def unproven(said: Proof, max_age: float | None, environment: str, now: float) -> str | None:
    """Why a proof that is about the candidate doesn't count.

    Args:
        said: The proof.
        max_age: How old it may be, in seconds.
        environment: Which says so.
        now: This machine's time.
    """
    age = now - said.finished
    if said.result != "passed":
        return f"says that it failed at {clock(said.finished)}"
    if not said.isolated:
        return NOT_ISOLATED
    if max_age is not None and age > max_age:
        return f"is {span(age)} old, and {environment} takes {span(max_age)} at most"
    return None


def clock(seconds: float) -> str:
    """A time for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def span(seconds: float) -> str:
    """A length of time for people."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
