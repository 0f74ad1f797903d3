"""The waivers of a run that looks for drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.drift.waiving import Waiving


def waiving(run: Run, *, heeded: bool = True) -> Waiving:
    """The run's event stream with its environment's waivers before it; for errors see `waivers_of`.

    Args:
        run: The run.
        heeded: Whether waivers cover anything; else all findings are told as if there were none.
    """
    from cdconf.cli.promotion_checks import clock_of
    from cdconf.drift.waivers import Waivers
    from cdconf.drift.waiving import Waiving, waivers_of

    waivers = waivers_of(run.project, run.environment) if heeded else Waivers((), {})
    return Waiving(waivers, run.emit, clock_of(run).counted, whole=not run.flags.roles)
