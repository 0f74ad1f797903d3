"""Looks at hosts, each as soon as it's connected to: what `plan`, `drift` and `provision --check` do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdconf.deploy.drained import Drained, drains_on
from cdconf.errors import DIFFERENT, FAILED, OK, CdconfError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cdconf.engine import Fleet
    from cdconf.inventory import Host, Project
    from cdconf.session import Session
    from cdconf.session.answers import AppliedFiles


@dataclass
class CheckedHost:
    """What came of looking at a host.

    Attributes:
        result: See `converge_host`; None where it has failed.
        error: Why something couldn't be looked at.
        is_drifted: Whether one of its releases is.
    """

    result: Mapping[str, Any] | None = None
    error: CdconfError | None = None
    is_drifted: bool = False

    @property
    def code(self) -> int:
        """The exit code that the result stands for."""
        if self.result is None:
            return OK
        if self.result["failed"]:
            return FAILED
        counts = self.result["counts"]
        found = self.is_drifted or any(counts.get(name) for name in ("would_change", "unknown", "orphaned"))
        return DIFFERENT if found else OK


@dataclass(frozen=True)
class Checking:
    """One look at hosts.

    Attributes:
        project: Whose hosts they are.
        fleet: Not connected yet.
        check: Looks at one host, and tells of it; see `converge_host`.
        releases: Looks at a host's releases, and says whether one has drifted; None: nobody looks at them.
        drained: Gets what hosts have drained, if that's looked at.
    """

    project: Project
    fleet: Fleet
    check: Callable[[Session], Mapping[str, Any]]
    releases: Callable[[Session], bool] | None = None
    drained: Drained | None = None
    applied: dict[str, AppliedFiles | None] = field(default_factory=dict)

    def run(self, hosts: Sequence[Host], prepare: Callable[[], None]) -> tuple[list[int], dict[str, CdconfError]]:
        """Returns exit codes, and the errors of hosts by their names; `applied` learns what hosts remember.

        Args:
            hosts: Whom to connect to.
            prepare: What `check` needs; done while the hosts answer.
        """
        found, errors = self.fleet.look(hosts, self._host, prepare).split()
        codes = []
        for host in hosts:
            checked = found.get(host.name)
            if checked is None:
                continue
            codes.append(checked.code)
            if checked.error is not None:
                errors[host.name] = checked.error
            if checked.result is not None:
                self.applied[host.name] = checked.result.get("applied")
        return codes, {host.name: errors[host.name] for host in hosts if host.name in errors}

    def _host(self, session: Session) -> CheckedHost:
        checked = CheckedHost()
        try:
            checked.result = self.check(session)
        except Unreachable:
            raise
        except CdconfError as error:  # such as a catalog that can't be compiled: its releases are there all the same
            checked.error = error
        try:
            if self.releases is not None:
                checked.is_drifted = self.releases(session)
                if self.drained is not None:
                    self.drained.take(session, drains_on(session, self.project))
        except CdconfError as error:
            checked.error = checked.error or error
        return checked
