"""A release to go back to, or to end, as the artifact store has it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from cdconf.artifacts import Artifact, ArtifactStore
from cdconf.artifacts.holders import reserved
from cdconf.artifacts.provenance import check_aloud
from cdconf.errors import ArtifactError, GateClosed
from cdconf.events import Emit, Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdconf.inventory import App, Environment, Project


def stored(
    project: Project,
    environment: Environment,
    app: App,
    release: str,
    pages: Mapping[str, Mapping[str, Any]],
    emit: Emit,
    kept: ExitStack,
) -> tuple[Artifact | None, list[dict[str, Any]]]:
    """A release's artifact and manifest, if the store has it whole; it must when a host lacks the release.

    Args:
        project: The project.
        environment: Where it goes.
        app: Whose release it is.
        release: Its name.
        pages: What each host knows of the app.
        emit: The event stream.
        kept: The artifact stays reserved until this is closed.

    Raises:
        GateClosed: A host lacks the release, and so does the store.
    """
    store = ArtifactStore(project, emit=emit)
    problem = "the artifact store here doesn't have it"
    try:
        artifact = store.with_release(app.name, release)
        if artifact is not None:
            kept.enter_context(reserved(project, store.place, artifact, environment, emit))
            check_aloud(project, artifact, store.provenance(artifact), emit)
            return artifact, store.manifest(artifact)
    except (ArtifactError, GateClosed) as error:
        problem = error.message
    lacking = [name for name, page in pages.items() if release not in page["releases"]]
    if lacking:
        raise GateClosed(
            f"{', '.join(lacking)} never had {release}, and {problem}",
            hint="roll back from a checkout that has it (`cdconf artifact list`), or deploy the version that you want",
        )
    emit(Notice(f"{problem}: the hosts' own copies of {release} are used"))
    return None, []
