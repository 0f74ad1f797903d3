"""Artifacts: built once, immutable, named by their digests; a local content-addressed store."""

from cdconf.artifacts.build import build, commits
from cdconf.artifacts.store import Artifact, Store

__all__ = ["Artifact", "Store", "build", "commits"]
