"""A fleet for verbs that look at hosts, or do one thing on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from cdconf.engine import Fleet, open_fleet
from cdconf.environments import provider_for
from cdconf.errors import worst_exit

if TYPE_CHECKING:
    from cdconf.cli.context import Run
    from cdconf.inventory import Host
    from cdconf.session import Session

T = TypeVar("T")


@contextmanager
def fleet_of(
    run: Run, hosts: list[Host], *, lease: bool = False, reason: str | None = None, ends_leases: bool = False
) -> Iterator[Fleet]:
    """Connects to the hosts; those that can't be reached are reported, and set the run's exit code.

    `reason` is what the leases tell others of the run; its command if not given. A run that `ends_leases` of others
    connects to hosts with a damaged one, too.

    Raises:
        LeaseHeld: A lease was asked for, and another run has it.
    """
    from cdconf.engine.reports import refuse, report

    with _fleet(run, hosts, reason=reason, ends_leases=ends_leases) as (fleet, located):
        errors = fleet.connect(located, lease=lease)
        if lease:
            refuse(errors, run.emit)
        run.code = worst_exit([run.code, *(report(run.emit, name, error) for name, error in errors.items())])
        yield fleet


def look_at(run: Run, hosts: list[Host], job: Callable[[Session], T], *, ends_leases: bool = False) -> dict[str, T]:
    """Runs a job on each host as soon as it's connected to, and returns the results by host.

    Hosts that can't be reached, or fail, are reported, and set the run's exit code. For `ends_leases` see `fleet_of`.
    """
    from cdconf.engine.reports import report

    with _fleet(run, hosts, ends_leases=ends_leases) as (fleet, located):
        found, errors = fleet.look(located, job).split()
    run.code = worst_exit([run.code, *(report(run.emit, name, error) for name, error in errors.items())])
    return found


@contextmanager
def _fleet(
    run: Run, hosts: list[Host], *, reason: str | None = None, ends_leases: bool = False
) -> Iterator[tuple[Fleet, list[Host]]]:
    """A fleet that isn't connected yet, and those of the hosts that there are; the others are reported."""
    from cdconf.engine.reports import report

    provider = provider_for(run.project, run.environment)
    located = provider.locate(hosts)
    connecting = replace(run.flags.connecting, ends_leases=ends_leases)
    missing = [host for host in hosts if host.name not in located]
    codes = [run.code, *(report(run.emit, host.name, provider.absence(host)) for host in missing)]
    with open_fleet(run.project, run.environment, reason or run.command, run.emit, connecting) as fleet:
        run.code = worst_exit(codes)
        yield fleet, list(located.values())
