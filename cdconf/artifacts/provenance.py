"""How an artifact came to be, as SLSA provenance, and whether to believe it.

Formats: in-toto Statement v1 (https://github.com/in-toto/attestation, spec/v1/statement.md), its predicate SLSA
Provenance v1 (https://slsa.dev/spec/v1.0/provenance), in a DSSE envelope (see `dsse`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cdconf import __version__
from cdconf.artifacts import dsse, keys, trust
from cdconf.errors import ArtifactError
from cdconf.events import Emit, Notice
from cdconf.own_files import parsed

if TYPE_CHECKING:
    from cdconf.artifacts.artifact import Artifact
    from cdconf.inventory import Project

_DOCUMENT = "https://github.com/cdconf/cdconf/blob/main/docs/guides/artifacts.md"
BUILT, ADDED = f"{_DOCUMENT}#built-by-cdconf", f"{_DOCUMENT}#built-elsewhere"
STATEMENT, PROVENANCE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"


def statement(
    project: str, artifact: Artifact, command: str | None, log: str | None, *, isolated: bool = False
) -> dict[str, Any]:
    """The in-toto Statement about an artifact.

    Args:
        project: The project's name.
        artifact: The artifact. `cdconfTree1` is the digest that `cdconf.agent.release.tree` describes.
        command: The build's command line; None when it was built elsewhere.
        log: The SHA-256 of the build's log, if there is one.
        isolated: Whether the build couldn't reach any key.
    """
    sources = []
    if artifact.commit is not None:
        source: dict[str, Any] = {"name": "source", "digest": {"gitCommit": artifact.commit}}
        if artifact.commit_time is not None:
            source["annotations"] = {"commitTime": _time(artifact.commit_time)}
        sources.append(source)
    subject = {
        "name": artifact.file_name,
        "digest": {"sha256": artifact.archive, "cdconfTree1": artifact.tree},
        "annotations": {"size": artifact.size},
    }
    parameters = {"project": project, "app": artifact.app, "version": artifact.version, "dirty": artifact.dirty}
    logs = [{"name": "log", "mediaType": "text/plain", "digest": {"sha256": log}}] if log else []
    return {
        "_type": STATEMENT,
        "subject": [subject],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": ADDED if command is None else BUILT,
                "externalParameters": parameters if command is None else {**parameters, "command": command},
                **({} if command is None else {"internalParameters": {"isolated": isolated}}),
                "resolvedDependencies": sources,
            },
            "runDetails": {
                "builder": {"id": _builder(artifact.builder), "version": {"cdconf": __version__}},
                "metadata": {
                    "startedOn": _time(artifact.built_at - artifact.duration_s),
                    "finishedOn": _time(artifact.built_at),
                },
                "byproducts": logs,
            },
        },
    }


def _builder(name: str) -> str:
    """SLSA wants a URI for `user@host`."""
    return "urn:cdconf:builder:" + quote(name, safe="@")


def _time(seconds: float) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(
    project: Project,
    artifact: Artifact,
    command: str | None = None,
    log: str | None = None,
    *,
    isolated: bool = False,
) -> dict[str, Any]:
    """The statement in an envelope, signed with the operator's key if there is one."""
    words = statement(project.name, artifact, command, log, isolated=isolated)
    text = json.dumps(words, sort_keys=True, separators=(",", ":"))
    fresh = dsse.wrap(text.encode("utf-8"))
    key = keys.own(project)
    return fresh if key is None else dsse.signed(fresh, key, keys.public_of(key).id)


def read(found: Mapping[str, Any]) -> dict[str, Any]:
    """The statement in an envelope, believed or not.

    Raises:
        ArtifactError: It isn't a provenance.
    """
    kind, payload = dsse.content(found)
    try:
        document = parsed(payload)
        if kind != dsse.IN_TOTO or document["_type"] != STATEMENT or document["predicateType"] != PROVENANCE:
            raise ValueError("another type")
        if not isinstance(document["predicate"], dict):
            raise TypeError("its predicate")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtifactError(f"the envelope doesn't hold a provenance of SLSA v1: {error}") from error
    return dict(document)


def log_of(found: Mapping[str, Any] | None) -> str | None:
    """The SHA-256 of the log that a provenance names; None when it names none, or can't be read."""
    try:
        byproducts = read(found)["predicate"]["runDetails"]["byproducts"] if found else []
        return next(
            (str(byproduct["digest"]["sha256"]) for byproduct in byproducts if byproduct["name"] == "log"), None
        )
    except (ArtifactError, KeyError, TypeError):
        return None


def check(project: Project, artifact: Artifact, found: Mapping[str, Any] | None) -> str | None:
    """Whether a trusted key has signed for exactly this artifact.

    Returns:
        The id of the key; None when everything is accepted and none that's known has signed.

    Raises:
        ArtifactError: Nobody has signed, only others have, the signature is forged, nobody is trusted, or the
            provenance is about something else than the store's metadata.
    """
    believed = trust.trust_of(project)
    known = believed.keys
    if found is not None:
        compare(project, artifact, read(found))
    if believed.state == "nobody":
        raise ArtifactError(
            f"{artifact.label} is refused: {project.name} trusts no key on this machine: {believed.why}",
            hint="`cdconf key trust KEY` trusts a key that you have verified; to do without signatures, say so: "
            "`cdconf key trust --anybody`",
        )
    if believed.is_open:
        signed_by = dsse.signers(found, {key.id: key.key for key in known.values()}) if found and known else []
        return next(iter(signed_by), None)
    if found is None or not dsse.keyids(found):
        raise ArtifactError(
            f"{artifact.label} isn't signed, and this project trusts only signed artifacts",
            hint=f"if you know where it comes from, sign it: `cdconf artifact sign {artifact.label}`",
        )
    signers = dsse.signers(found, {key.id: key.key for key in known.values()})
    if signers:
        return signers[0]
    claimed = dsse.keyids(found)
    forged = [one for one in claimed if one in known]
    if forged:
        raise ArtifactError(f"the signature of {artifact.label} is forged: it isn't one of {forged[0]}")
    raise ArtifactError(
        f"{artifact.label} is signed by {', '.join(claimed)}, a key that this project doesn't trust",
        hint="`cdconf key list` shows whom it trusts; `cdconf key trust` adds a key that you have verified",
    )


def check_aloud(project: Project, artifact: Artifact, found: Mapping[str, Any] | None, emit: Emit) -> str | None:
    """`check`, which says so when it can't say anything."""
    signer = check(project, artifact, found)
    if signer is None:
        is_undecided = trust.trust_of(project).state == "undecided"
        why = f"{project.name} has no trusted keys" if is_undecided else f"{project.name} trusts anybody here"
        emit(Notice(f"the signature of {artifact.label} isn't checked: {why}"))
    return signer


def compare(project: Project, artifact: Artifact, claimed: Mapping[str, Any]) -> None:
    """Raises `ArtifactError` unless the metadata, which nobody signs, says what the provenance says."""
    wanted = _said(statement(project.name, artifact, None, None))
    try:
        said = _said(claimed)
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"the provenance of {artifact.label} lacks {error}") from error
    for name, value in wanted.items():
        if said[name] != value:
            raise ArtifactError(
                f"the provenance of {artifact.label} and the store's metadata differ: {name} is {said[name]!r} here "
                f"and {value!r} there",
                hint="someone has changed the store; take the artifact in again from a copy that you trust",
            )


def _said(document: Mapping[str, Any]) -> dict[str, Any]:
    definition, details = document["predicate"]["buildDefinition"], document["predicate"]["runDetails"]
    parameters = {name: value for name, value in definition["externalParameters"].items() if name != "command"}
    return {
        "subject": document["subject"],
        **{f"externalParameters.{name}": parameters.get(name) for name in ("project", "app", "version", "dirty")},
        "resolvedDependencies": definition["resolvedDependencies"],
        "builder": details["builder"]["id"],
        "metadata": details["metadata"],
    }


__all__ = ["check", "check_aloud", "compare", "envelope", "log_of", "read", "statement"]
