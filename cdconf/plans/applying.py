"""Applies a saved plan: only when every host and all files are what they were, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cdconf.engine import converge_host
from cdconf.errors import CdconfError, PlanMoved, Unreachable
from cdconf.events import Emit, Step
from cdconf.facts import age_text
from cdconf.plans.changed_since import moves, shown_otherwise
from cdconf.plans.hostsets import named
from cdconf.plans.marked_look import look

if TYPE_CHECKING:
    from cdconf.catalog import Compiler
    from cdconf.engine import Fleet
    from cdconf.inventory import Environment, Host, Project
    from cdconf.plans.saved import SavedPlan
    from cdconf.session import Session

_SHOWN = 40
_CLOCKS = 300.0  # seconds by which two controllers' clocks may differ
_AGAIN = "read and save a new plan: `cdconf plan ENV --out FILE`"


class Applying:
    """What `provision` asks on the way, when it applies a saved plan.

    Args:
        plan: The plan.
        project: The project as it is now.
        environment: The environment as it is now.
        agent: The SHA-256 of the code that would look at the hosts now.
        max_age: Seconds that a plan may be old.
        mask: Takes secrets out of what hosts show, as it was done when the plan was made.

    Attributes:
        authentic: Whether it's known that nobody has changed what the plan shows; else that's compared, too.
        moved: What has moved on, once `verify` has refused: text -> hosts.
    """

    def __init__(
        self,
        plan: SavedPlan,
        project: Project,
        environment: Environment,
        *,
        agent: str,
        max_age: float,
        mask: Callable[[str], str] = str,
    ) -> None:
        self.plan = plan
        self.authentic = False
        self._mask = mask
        self.moved: dict[str, list[str]] = {}
        self._project = project
        self._environment = environment
        self._agent = agent
        self._max_age = max_age
        self._digests: dict[str, str] = {}

    def check_plan(self, hosts: Sequence[Host], extra: Iterable[str]) -> None:
        """What can be told without asking a host.

        Args:
            hosts: Those that the plan's pattern names now.
            extra: Names that `-e` sets.

        Raises:
            PlanMoved: The plan is another project's or environment's, too old, or of other hosts.
        """
        plan = self.plan
        for what, planned, now in (
            ("project", plan.project, self._project.name),
            ("environment", plan.environment, self._environment.name),
        ):
            if planned != now:
                raise PlanMoved(f"the plan is for the {what} '{planned}', not for '{now}'")
        age = time.time() - plan.created_at
        if not age > -_CLOCKS:
            raise PlanMoved("the plan was made in the future", hint="is this machine's clock right?")
        if age > self._max_age:
            text = f"the plan is {age_text(age)} old, and {age_text(self._max_age)} are allowed"
            raise PlanMoved(text, hint=f"{_AGAIN}, or allow more with --max-age")
        if sorted(plan.extra) != sorted(extra):
            given = ", ".join(plan.extra) or "nothing"
            raise PlanMoved(f"the plan was made with -e of {given}", hint="give the same here")
        if plan.agent != self._agent:
            text = "cdconf, or a resource type of the project, isn't the one that made the plan"
            raise PlanMoved(text, hint=_AGAIN)
        names = {host.name for host in hosts}
        for name in names ^ set(plan.hosts):
            self._note(f"host {name} is {'new in' if name in names else 'no longer in'} the files", name)
        self._refuse()

    def refuse_missing(self, missing: Mapping[str, CdconfError]) -> None:
        """Raises `PlanMoved` when hosts that were planned aren't running."""
        for name, error in missing.items():
            self._note(f"the host has gone: {error.message}", name)
        self._refuse()

    def verify(self, fleet: Fleet, compiler: Compiler, hosts: Sequence[Host], errors: dict[str, CdconfError]) -> None:
        """Looks at all hosts again, before anything is changed on any of them.

        Args:
            fleet: Connected, with the leases of all hosts.
            compiler: The environment's.
            hosts: All hosts of the plan.
            errors: Of the hosts that couldn't be connected to.

        Raises:
            PlanMoved: Something has moved on.
            CdconfError: A host can't be looked at.
        """
        fleet.emit(Step(f"comparing {len(hosts)} host{'' if len(hosts) == 1 else 's'} with the plan"))

        def job(session: Session) -> None:
            found, result = look(session, compiler, _quiet, prune=self.plan.prune, mask=self._mask)
            name = session.host.name
            self._digests[name] = result["catalog"]
            found_moves[name] = list(moves(self.plan.hosts[name], found))
            if not self.authentic:
                found_moves[name] += shown_otherwise(self.plan.hosts[name], found)

        found_moves: dict[str, list[str]] = {}
        _, failed = fleet.each(fleet.connected(hosts), job).split()
        errors = {**errors, **failed}
        for name, error in errors.items():
            if isinstance(error, Unreachable):
                raise Unreachable(
                    f"{error.message}; the plan is for all its hosts, and nothing was changed on any",
                    host=name,
                    hint=error.hint,
                    detail=error.detail,
                )
            raise error
        for name in self.plan.hosts:
            for text in found_moves.get(name, ()):
                self._note(text, name)
        self._refuse()

    def converge(self, session: Session, compiler: Compiler, emit: Emit, **how: Any) -> dict[str, Any]:
        """See `converge_host`; only the catalog that was compared with the plan is applied."""
        return converge_host(session, compiler, emit, only=self._digests[session.host.name], **how)

    def _note(self, text: str, host: str) -> None:
        self.moved.setdefault(text, []).append(host)

    def _refuse(self) -> None:
        if not self.moved:
            return
        lines = [
            f"{named(self._project, self._environment, hosts)}: {text}" for text, hosts in list(self.moved.items())
        ]
        if len(lines) > _SHOWN:
            lines[_SHOWN:] = [f"… and {len(lines) - _SHOWN} more"]
        raise PlanMoved(
            "the plan isn't applied, and nothing was changed: things have moved on since it was made",
            detail="\n".join(lines),
            hint=_AGAIN,
        )


def _quiet(event: object) -> None:
    """The look before a plan is applied says nothing, but that it couldn't keep facts."""
