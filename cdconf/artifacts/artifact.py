"""What is known of an artifact, and its text in the store."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any

from cdconf.errors import ArtifactError
from cdconf.own_files import parsed

_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~-]{0,99}")
_DIGEST = re.compile("[0-9a-f]{64}")
_SHORTEST = 8
_TOO_MUCH = 1e15  # bytes or seconds; what isn't below it may be no number at all


class NewerFormat(ValueError):
    """A metadata object says more than this cdconf knows of."""


@dataclass(frozen=True)
class Artifact:
    """An artifact. `archive` and `tree` are SHA-256 digests in hex; times are seconds since 1970."""

    app: str
    version: str
    archive: str
    tree: str
    file_name: str
    size: int
    commit: str | None
    commit_time: float | None
    built_at: float
    duration_s: float
    builder: str
    dirty: bool

    @property
    def release(self) -> str:
        """What its releases are called on hosts: `1.4-3f2a9c0b1d5e`."""
        return f"{self.version}-{self.tree[:12]}"

    @property
    def label(self) -> str:
        """How people name it: `shop@1.4`."""
        return f"{self.app}@{self.version}"

    def answers_to(self, reference: str) -> bool:
        """Whether a word names it: `app@version`, or 8 or more of the first digits of one of its digests."""
        word = reference.lower()
        is_digest = len(word) >= _SHORTEST and (self.archive.startswith(word) or self.tree.startswith(word))
        return reference == self.label or is_digest


def check_version(version: str) -> None:
    """Raises `ArtifactError` for what can't be a version."""
    if not _VERSION.fullmatch(version):
        hint = "letters, digits and . _ + ~ - make a version, 100 at most, beginning with a letter or a digit"
        raise ArtifactError(f"{version!r} can't be a version", hint=hint)


def to_text(artifact: Artifact, provenance: dict[str, Any] | None) -> str:
    """The metadata as JSON: the artifact's fields, and its DSSE envelope as `provenance`."""
    document = dataclasses.asdict(artifact)
    return json.dumps(document if provenance is None else {**document, "provenance": provenance}, indent=1) + "\n"


def _check_numbers(artifact: Artifact) -> None:
    for name in ("built_at", "duration_s", "size", "commit_time"):
        value = getattr(artifact, name)
        if value is None and name == "commit_time":
            continue
        if not isinstance(value, (int, float)) or not abs(value) < _TOO_MUCH:
            raise TypeError(f"its {name} isn't a number")


def from_text(text: bytes) -> tuple[Artifact, dict[str, Any] | None]:
    """The artifact and the envelope of `to_text`.

    Raises:
        ValueError, TypeError: It's no such text.
    """
    document = parsed(text)
    if not isinstance(document, dict):
        raise TypeError("it isn't a JSON object")
    provenance = document.pop("provenance", None)
    unknown = document.keys() - {field.name for field in dataclasses.fields(Artifact)}
    if unknown:
        raise NewerFormat(f"it has {', '.join(sorted(unknown))[:80]}, as of a newer cdconf")
    artifact = Artifact(**document)
    for name in ("app", "version", "archive", "tree", "file_name", "builder"):
        if not isinstance(getattr(artifact, name), str):
            raise TypeError(f"its {name} isn't text")
    for name in ("archive", "tree"):  # they become names of files
        if not _DIGEST.fullmatch(getattr(artifact, name)):
            raise ValueError(f"its {name} isn't a SHA-256")
    _check_numbers(artifact)
    if not isinstance(artifact.commit, (str, type(None))):
        raise TypeError("its commit isn't text")
    if not isinstance(provenance, (dict, type(None))):
        raise TypeError("its provenance isn't an envelope")
    return artifact, provenance
