"""What a run before this one did well, and couldn't say: it was killed just then, or the store was full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.deploy.verify import unproven
from cdconf.events import Emit, Notice, Step

if TYPE_CHECKING:
    from cdconf.artifacts import Artifact
    from cdconf.deploy.line import Line
    from cdconf.engine import Fleet
    from cdconf.inventory import App, Host, Project


def is_unsaid(line: Line | None, artifact: Artifact, pages: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the hosts, which all run the artifact, got it in one run that couldn't say that it ended well.

    Args:
        line: The pipeline, if there's one.
        artifact: The artifact.
        pages: Host -> what it says of the app.
    """
    deployed = {name: page.get("deployed") for name, page in pages.items()}
    return line is not None and line.is_unsaid(artifact, deployed)


def proves_again(project: Project, fleet: Fleet, app: App, hosts: Sequence[Host], emit: Emit) -> bool:
    """Whether a release that all hosts run proves well once more, by health checks and smoke tests; changes nothing."""
    emit(Step(f"{app.name} was deployed to all hosts, and nothing was said of it: health checks and smoke tests again"))
    failures = unproven(project, fleet, [app], hosts, emit)
    for name, failure in failures.items():
        emit(Notice(f"{name}: {failure.message}", warning=True))
    return not failures
