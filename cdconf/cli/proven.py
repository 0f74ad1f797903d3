"""The procedure that a run follows, for those who remember it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.promotion.procedures import AppProcedures


def procedure_now(run: Run, app: str, read: AppProcedures | None = None) -> str | None:
    """The digest of the procedure by which this run brings an app to its hosts; the history remembers it, too.

    None where none can be proven, such as of a work tree with changes that no commit has.
    """
    from cdconf.errors import CdconfError
    from cdconf.promotion.procedure import procedure

    try:
        extra = [str(one) for one in run.flags.extra or ()]
        found = read(app) if read and not extra else procedure(run.project.root, "HEAD", app, extra=extra)
    except CdconfError:
        return None
    run.extra["procedure"] = found.digest
    return found.digest
