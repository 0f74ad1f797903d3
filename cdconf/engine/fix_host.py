"""The job that puts one host back to what was applied, where the files still say so; or says what that would take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cdconf.engine.converge import remember_facts, told
from cdconf.events import Emit, HostStep

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.session import Session


def mend_host(
    session: Session,
    compiler: Compiler,
    emit: Emit,
    *,
    check: bool,
    leave: Sequence[tuple[str, str]],
    later: bool = False,
) -> dict[str, Any]:
    """Compiles the host's catalog from its facts, and has the agent put right what differs from it by hand alone.

    Args:
        session: The host's session; leased, unless `check`.
        compiler: The environment's compiler.
        emit: Gets a `ResourceDone` per resource, with `left` where it's left as it is.
        check: Change nothing.
        leave: (type, title) of what is waived on the host.
        later: Handlers only become due; the next run of it runs them.

    Returns:
        `{"counts": {status: n}, "failed": bool, "mends": how much is, or would be, put right}`.

    Raises:
        CdconfError: The catalog can't be compiled; the agent or the host failed.
    """
    name = session.host.name
    catalog = compiler.compile(session.host, session.facts.mapping)
    remember_facts(session, compiler.project, compiler.environment, emit, keep=not catalog.complete)
    emit(HostStep(name, "checking" if check else "mending"))
    with told(catalog, name, emit, check=check) as on_event:
        left = [list(one) for one in leave]
        result = session.mend(catalog.document(), check=check, leave=left, later=later, on_event=on_event)
    return dict(result)
