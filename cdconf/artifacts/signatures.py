"""The signatures of an artifact's provenance, from its metadata and from what was signed later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import dsse, provenance, trust
from cdconf.artifacts.attestations import SIGNATURE, attested
from cdconf.errors import ArtifactError

if TYPE_CHECKING:
    from cdconf.artifacts.artifact import Artifact
    from cdconf.artifacts.backends import Backend
    from cdconf.inventory import Project

Envelope = Mapping[str, Any]


def found(place: Backend, artifact: Artifact, skip: Callable[[str, str], None]) -> list[dict[str, Any]]:
    """What was signed later beside an artifact's archive, whoever signed it, and whatever it says.

    Several artifacts may have the same archive: which one is meant is in what was signed.
    """
    return attested(place, SIGNATURE, artifact.archive, skip)


def united(
    project: Project, artifact: Artifact, own: dict[str, Any] | None, later: Iterable[Envelope]
) -> dict[str, Any] | None:
    """One envelope with all signatures that stand under the same words.

    Args:
        project: The project.
        artifact: The artifact.
        own: The envelope in its metadata; None in stores of older versions.
        later: What was signed later. Without `own`, each signer has found words of their own.

    Returns:
        The envelope; None when nobody has said anything of this artifact.
    """
    if own is not None:
        return _joined(own, later)
    about = [one for one in later if _is_about(project, artifact, one)]
    known = {key.id: key.key for key in trust.trusted(project).values()} if about else {}
    ranked = sorted((_joined({**one, "signatures": []}, about) for one in about), key=lambda one: str(one["payload"]))
    return max(ranked, key=lambda one: len(dsse.signers(one, known)), default=None)


def _joined(base: dict[str, Any], others: Iterable[Envelope]) -> dict[str, Any]:
    try:
        dsse.content(base)
    except ArtifactError:
        return base  # whoever judges it says so
    same = [one for one in others if (one["payloadType"], one["payload"]) == (base["payloadType"], base["payload"])]
    unique: dict[tuple[str, str], dict[str, Any]] = {}
    for envelope in (base, *same):
        for one in envelope["signatures"]:
            unique.setdefault((one["keyid"], one["sig"]), one)
    return {**base, "signatures": list(unique.values())}


def _is_about(project: Project, artifact: Artifact, envelope: Envelope) -> bool:
    try:
        provenance.compare(project, artifact, provenance.read(envelope))
    except ArtifactError:
        return False
    return True
