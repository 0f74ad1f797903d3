"""A deployment that ended well and of which nothing was said: its run was killed, or the store was full.

The hosts know that it was one run that brought the artifact to all of them, and by which procedure. So it needn't be
deployed again: when it proves well once more, it can be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.promotion.said import Proof, Subject

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.promotion.checked import CheckedObject


def run_on_all(deployed: Mapping[str, Mapping[str, Any] | None], procedure: str) -> str | None:
    """The run that brought a release to all hosts by this procedure; None when no single one did.

    Args:
        deployed: Host -> what it remembers of that, `{"run", "procedure", …}`.
        procedure: The digest.
    """
    found = {(one or {}).get("run") for one in deployed.values() if (one or {}).get("procedure") == procedure}
    by_it = all(one is not None and one.get("procedure") == procedure for one in deployed.values())
    return str(next(iter(found))) if by_it and len(found) == 1 and None not in found else None


def is_unsaid(proofs: Iterable[CheckedObject], artifact: Artifact, stage: str, procedure: str, run: str) -> bool:
    """Whether the stage hasn't said anything yet of a run, nor that the artifact has passed by this procedure."""
    subject = Subject.of(artifact)
    for proof in proofs:
        said = proof.said
        if proof.refusal is not None or not isinstance(said, Proof) or said.stage != stage:
            continue
        about_it = (said.subject.archive, said.subject.tree, said.procedure) == (
            subject.archive,
            subject.tree,
            procedure,
        )
        if about_it and (said.result == "passed" or said.run == run):
            return False
    return True
