"""Looks at a host so that a later look can tell whether anything has moved on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cdconf.engine.converge import remember_facts, told
from cdconf.events import Emit, HostStep
from cdconf.plans.saved import HostPlan, PlanFinding

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.session import Session
    from cdconf.session.answers import MarkedEvent


def look(
    session: Session, compiler: Compiler, emit: Emit, *, prune: bool, mask: Callable[[str], str] = str
) -> tuple[HostPlan, dict[str, Any]]:
    """Checks a host; nothing is changed there.

    Args:
        session: The host's session.
        compiler: The environment's compiler.
        emit: Gets a `ResourceDone` per resource.
        prune: Look at what pruning would do, too.
        mask: Takes secrets out of what's kept for people.

    Returns:
        What was found, and the result of `converge_host`.

    Raises:
        CdconfError: The catalog can't be compiled; the agent or the host failed.
    """
    name = session.host.name
    catalog = compiler.compile(session.host, session.facts.mapping)
    remember_facts(session, compiler.project, compiler.environment, emit, keep=not catalog.complete)
    emit(HostStep(name, "checking"))
    found: list[PlanFinding] = []

    def on_event(event: MarkedEvent) -> None:
        wanted, there = event["marks"]
        done = tell({key: value for key, value in event.items() if key != "marks"})
        diff, message = (mask(text) if text else None for text in (done.diff, done.message))
        found.append(PlanFinding(done.type, done.title, done.status, done.source, wanted, there, diff, message))

    with told(catalog, name, emit, check=True) as tell:
        result = session.plan(on_event=on_event, catalog=catalog.document(), prune=prune)
    marks = result["marks"]
    outcome: dict[str, Any] = {name: result[name] for name in ("counts", "failed", "applied") if name in result}
    outcome["catalog"] = catalog.digest
    return HostPlan(marks["host"], marks["catalog"], tuple(found)), outcome


class LookRecorder:
    """Looks at hosts as `converge_host` does, and keeps what it found.

    Attributes:
        hosts: What was found, by host; only of those on which nothing failed.
    """

    def __init__(self, mask: Callable[[str], str]) -> None:
        self.hosts: dict[str, HostPlan] = {}
        self._mask = mask

    def __call__(
        self,
        session: Session,
        compiler: Compiler,
        emit: Emit,
        *,
        check: bool,
        prune: bool = False,
        files: object = None,
    ) -> dict[str, Any]:
        """See `converge_host`; it's always a check."""
        plan, result = look(session, compiler, emit, prune=prune, mask=self._mask)
        if not result["failed"]:
            self.hosts[session.host.name] = plan
        return result
