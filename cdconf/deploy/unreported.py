"""What a run before this one did well, and couldn't say: it was killed just then, or the store was full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.deploy.missing_release import got_it_by

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.deploy.pipeline_link import PipelineLink


def is_from_before(
    line: PipelineLink | None,
    artifact: Artifact,
    pages: Mapping[str, Mapping[str, Any]],
    untouched: Sequence[str],
    procedure: str | None,
) -> bool:
    """Whether hosts that run the artifact got it from an earlier run that couldn't say so, and needn't get it again.

    Args:
        line: The pipeline, if there's one.
        artifact: The artifact.
        pages: Host -> what it says of the app.
        untouched: The hosts that run the artifact.
        procedure: The procedure by which several runs together may have brought it there; None: one run has, or none.
    """
    if line is None:
        return False
    deployed = {name: page.get("deployed") for name, page in pages.items()}
    if len(untouched) == len(pages) and line.is_unsaid(artifact, deployed):
        return True
    return line.demanded and got_it_by(pages, untouched, procedure)
