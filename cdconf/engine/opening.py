"""How runs open a fleet: the one place that joins the options of a command line, a project, and its hosts' sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdconf.engine.fleet import Fleet
from cdconf.engine.identity import RunIdentity
from cdconf.engine.inherited_leases import Inheritance
from cdconf.session.connector import Connector
from cdconf.session.session import BEAT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cdconf.engine.host_checks import Checks
    from cdconf.events import Emit
    from cdconf.inventory import Environment, Host, Project


@dataclass(frozen=True)
class Connecting:
    """How a run connects to hosts.

    Attributes:
        forks: How many hosts are worked on at once.
        accept_new_host_keys: Learn unknown ssh host keys instead of refusing them.
        look_key: The private key that can only look; None: the usual login.
        ends_leases: The run ends leases, and isn't kept from it by one that's damaged.
        install_python: Install Python on hosts without one, where their inventory says `bootstrap: true`.
    """

    forks: int = 32
    accept_new_host_keys: bool = False
    look_key: Path | None = None
    ends_leases: bool = False
    install_python: bool = False


USUAL = Connecting()


def open_fleet(
    project: Project,
    environment: Environment,
    reason: str,
    emit: Emit,
    connecting: Connecting = USUAL,
    *,
    facts: Callable[[str], Sequence[str]] = lambda host: (),
    checks: Checks | None = None,
    locate: Callable[[Host], Host | None] = lambda host: host,
    beat: float = BEAT,
) -> Fleet:
    """A fleet that isn't connected yet; it works within the leases of the run that has started this one, if any.

    Args:
        project: Whose hosts these are.
        environment: The hosts' environment.
        reason: What the run does, for leases.
        emit: The event stream.
        connecting: How the run connects to hosts.
        facts: From a host's name to the groups of facts that the run will read; by default it reads none.
        checks: What hosts must be; by default they must not be another environment's.
        locate: Finds a host again after a reboot; None while it isn't up.
        beat: Seconds between two beats, at most.
    """
    connector = Connector(
        project,
        environment,
        emit,
        accept_new_host_keys=connecting.accept_new_host_keys,
        install_python=connecting.install_python,
        facts=facts,
        ends_leases=connecting.ends_leases,
        look_key=connecting.look_key,
    )
    return Fleet(
        connector,
        environment,
        RunIdentity(reason),
        emit,
        forks=connecting.forks,
        lease_ttl=project.lease_ttl,
        beat=beat,
        locate=locate,
        inheritance=Inheritance(project.name, environment.name),
        checks=checks,
    )
