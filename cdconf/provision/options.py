"""How a run of provision, plan or drift goes about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from cdconf.engine import USUAL, Connecting, Fleet, converge_host
from cdconf.events import Emit

if TYPE_CHECKING:
    from cdconf.deploy.drained import Drained
    from cdconf.plans.applying import Applying
    from cdconf.plans.marked_look import LookRecorder
    from cdconf.provision.applied_from import AppliedFrom
    from cdconf.provision.mending import MendingRun


@dataclass(frozen=True)
class ProvisionOptions:
    """How a run goes about it; see the command line's help."""

    check: bool = False
    connecting: Connecting = USUAL
    releases: bool = False  # look at apps' releases too: drift
    drained: Drained | None = None  # gets what hosts have drained: drift
    prune: bool = False  # remove what was applied once and has gone from the files
    plan: Applying | None = None  # apply this plan, or nothing
    from_snapshot: bool = False  # start new hosts from images of converged ones
    record: LookRecorder | None = None  # keep what was found
    take_over: frozenset[str] = frozenset()  # hosts that may have been another environment's
    held: Callable[[], None] = lambda: None  # called once the hosts are held, before anything is changed on them
    applied_from: AppliedFrom | None = None  # compares these files with those that hosts were provisioned from
    mending: MendingRun | None = None  # change only what somebody has changed by hand: drift --fix

    @property
    def converge(self) -> Callable[..., dict[str, Any]]:
        """What's done to each host; see `converge_host`."""
        if self.mending is not None:
            return self.mending.converge
        if self.releases:
            return partial(converge_host, drift=True)
        return self.plan.converge if self.plan else self.record or converge_host

    def check_held(self, fleet: Fleet, emit: Emit) -> None:
        """Once hosts are held, before anything is changed on them; raises what keeps the run from going on."""
        if self.applied_from is not None:
            self.applied_from.check(fleet.applied, emit)
        self.held()
