"""What a run before this one did well, and couldn't say: it was killed just then, or the store was full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.deploy.line import Line


def is_unsaid(line: Line | None, artifact: Artifact, pages: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the hosts, which all run the artifact, got it in one run that couldn't say that it ended well.

    Args:
        line: The pipeline, if there's one.
        artifact: The artifact.
        pages: Host -> what it says of the app.
    """
    deployed = {name: page.get("deployed") for name, page in pages.items()}
    return line is not None and line.is_unsaid(artifact, deployed)
