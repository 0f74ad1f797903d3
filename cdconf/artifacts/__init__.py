"""Artifacts: built once, immutable, named by their digests; a local content-addressed store."""

from cdconf.artifacts.artifact import Artifact
from cdconf.artifacts.build import build, commits
from cdconf.artifacts.store import ArtifactStore

__all__ = ["Artifact", "ArtifactStore", "build", "commits"]
