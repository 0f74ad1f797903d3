"""What stages have said of artifacts, as little of it as a board shows: there may be 100,000 of such words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from cdconf.promotion.checked import CheckedObject
from cdconf.promotion.said import Proof


class Word(NamedTuple):
    """A stage's word that counts: an artifact of an app has passed it or failed in it.

    `finished` is the signer's time, in seconds since 1970; `statement` is the object of the store that says so.
    """

    app: str
    stage: str
    environment: str
    copy_of: str | None
    result: Literal["passed", "failed"]
    finished: float
    statement: str


def words_of(project: str, archive: str, proofs: Iterable[CheckedObject]) -> tuple[Word, ...]:
    """What counts of what was said of an artifact.

    Args:
        project: The project's name; what was said of another one's artifacts says nothing.
        archive: The archive's SHA-256.
        proofs: What was said, checked.
    """
    own = (project, archive)
    found = []
    for proof in proofs:
        said = proof.said
        if proof.refusal is None and isinstance(said, Proof) and (said.project, said.subject.archive) == own:
            about = (said.app, said.stage, said.environment, said.copy_of)
            found.append(Word(*about, said.result, said.finished, proof.name))
    return tuple(found)
