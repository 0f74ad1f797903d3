"""The job that makes one host what its catalog says, or checks it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cdconf.errors import CdconfError, PlanMoved
from cdconf.events import Emit, HostStep, NotAttempted, Notice, ResourceDone, ResourcesBegin
from cdconf.facts import FactCache
from cdconf.session import AgentError

if TYPE_CHECKING:
    from cdconf.catalog import Catalog, Compiler, Resource
    from cdconf.inventory import Environment, Project
    from cdconf.session import Session
    from cdconf.session import answers as a


def converge_host(
    session: Session,
    compiler: Compiler,
    emit: Emit,
    *,
    check: bool,
    prune: bool = False,
    only: str | None = None,
    files: Mapping[str, Any] | None = None,
    drift: bool = False,
) -> dict[str, Any]:
    """Compiles the host's catalog from its facts and has the agent apply it.

    Args:
        session: The host's session; leased, unless `check`.
        compiler: The environment's compiler.
        emit: Gets a `ResourceDone` per resource.
        check: Change nothing.
        prune: Remove what was applied once and has gone from the files.
        only: The digest of the one catalog that may be applied; None: any.
        files: `{"commit", "dirty"}` that the host is to remember.
        drift: The check is a look for drift: with the times at which findings were first seen, and evidence.

    Returns:
        `{"counts": {status: n}, "failed": bool, "catalog": the catalog's digest}`; of a check also `applied`, of a look
        for drift also `told`.

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
    emit(ResourcesBegin(name, tuple((resource.type, resource.title) for resource in catalog.resources)))
    result: a.Converged
    with told(catalog, name, emit, check=check) as on_event:
        if drift:
            result = session.drift_look(catalog.document(), on_event=on_event)
        else:
            result = session.converge(
                catalog.document(), check=check, prune=prune, digest=catalog.digest, files=files, on_event=on_event
            )
    return {**result, "catalog": catalog.digest}


@contextmanager
def told(
    catalog: Catalog, host: str, emit: Emit, *, check: bool
) -> Iterator[Callable[[Mapping[str, Any]], ResourceDone]]:
    """Turns an agent's events into `ResourceDone`; what it never came to, for whatever reason, is told at the end.

    Where a resource is declared is for the catalog to say, not for the host; which alone knows where an orphan was.

    Args:
        catalog: What the agent was given.
        host: The host's name.
        emit: The event stream.
        check: Whether the agent only looks.
    """
    seen: set[tuple[str, str, str | None]] = set()
    due: dict[str, None] = {}
    by_key: dict[tuple[str, str], list[Resource]] = {}
    for resource in catalog.resources:
        by_key.setdefault((resource.type, resource.title), []).append(resource)

    def on_event(event: Mapping[str, Any]) -> ResourceDone:
        # The host tells which of several declarations it is; no other place than theirs is believed.
        several = by_key.get((event["type"], event["title"]), ())
        declared = next(
            (resource for resource in several if resource.source == event.get("source")), next(iter(several), None)
        )
        seen.add((event["type"], event["title"], declared.source if declared is not None else None))
        if event["status"] == "changed" and declared is not None:
            due.update(dict.fromkeys(declared.notify))
        handler = catalog.handlers.get(event["title"]) if event["type"] == "handler" else None
        known = handler.resource if handler is not None else declared
        done = ResourceDone(**{**event, "host": host, **({"source": known.source} if known is not None else {})})
        emit(done)
        return done

    try:
        yield on_event
    except AgentError as error:
        if error.reason == "rebooting":
            raise  # the rest comes when the host is back
        _tell_left(catalog, host, emit, seen, due, check=check)
        raise
    except CdconfError:
        _tell_left(catalog, host, emit, seen, due, check=check)
        raise
    _tell_left(catalog, host, emit, seen, due, check=check)


def _tell_left(
    catalog: Catalog,
    host: str,
    emit: Emit,
    seen: Container[tuple[str, str, str | None]],
    due: Iterable[str],
    *,
    check: bool,
) -> None:
    every = [(resource.type, resource.title, resource.source) for resource in catalog.resources]
    left = [one for one in every if one not in seen]
    handlers = {name: catalog.handlers[name].resource.source for name in due if ("handler", name, None) not in seen}
    if left or (handlers and not check):
        left += [("handler", name, source) for name, source in handlers.items()]
        emit(NotAttempted(host, tuple(left), check))


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
