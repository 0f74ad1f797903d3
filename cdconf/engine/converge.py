"""The job that makes one host what its catalog says, or checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdconf.errors import PlanMoved
from cdconf.events import Emit, HostStep, Notice, ResourceDone
from cdconf.facts import FactCache

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.inventory import Environment, Project
    from cdconf.session import Session


def converge_host(
    session: Session, compiler: Compiler, emit: Emit, *, check: bool, prune: bool = False, only: str | None = None
) -> dict[str, Any]:
    """Compiles the host's catalog from its facts and has the agent apply it.

    Args:
        session: The host's session; leased, unless `check`.
        compiler: The environment's compiler.
        emit: Gets a `ResourceDone` per resource.
        check: Change nothing.
        prune: Remove what was applied once and has gone from the files.
        only: The digest of the one catalog that may be applied; None: any.

    Returns:
        `{"counts": {status: n}, "failed": bool, "catalog": the catalog's digest}`.

    Raises:
        CdconfError: The catalog can't be compiled, or isn't the one; the agent or the host failed.
    """
    name = session.host.name
    catalog = compiler.compile(session.host, session.facts.mapping)
    if only is not None and catalog.digest != only:
        text = "its files, or facts that they read, have changed since it was compared with the plan"
        raise PlanMoved(text, host=name, hint="nothing was changed here since; look at it with `cdconf plan`")
    remember_facts(session, compiler.project, compiler.environment, emit, keep=not catalog.complete)
    emit(HostStep(name, "checking" if check else "applying"))
    result = session.converge(
        catalog.document(),
        check=check,
        prune=prune,
        digest=catalog.digest,
        on_event=lambda event: emit(ResourceDone(host=name, **event)),
    )
    return {**result, "catalog": catalog.digest}


def remember_facts(session: Session, project: Project, environment: Environment, emit: Emit, *, keep: bool) -> None:
    """Writes the facts that were gathered into the cache, and which groups were read; a failure is only noticed.

    Args:
        session: The host's session.
        project: The project.
        environment: The host's environment.
        emit: Gets a `Notice` of a failure.
        keep: See `FactCache.store`.
    """
    cache = FactCache(project.data, environment.name)
    try:
        cache.store(session.host.name, session.facts.known, session.facts.read, keep=keep)
    except OSError as error:
        emit(Notice(f"the facts of {session.host.name} couldn't be kept for offline work: {error}"))
