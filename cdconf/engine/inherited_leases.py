"""Leases that are passed on: what a run starts on this machine works on hosts within that run's lease.

The environment variable `CDCONF_LEASE` holds JSON: links `{"project", "environment", "run", "secret", "hosts"}`, the
outermost run's first. `secret` is what a host asks for (it knows its SHA-256 only, see `cdconf.agent.lease.nested`),
and is worth nothing once its run has ended. `hosts` are those that the run holds; null: all of the environment's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cdconf.errors import UsageError
from cdconf.session.transport import LENT

if TYPE_CHECKING:
    from cdconf.engine.identity import RunIdentity

_LONGEST = 100_000  # bytes; execve(2) allows 128 KiB for one string


@dataclass(frozen=True, slots=True, repr=False)
class LeaseLink:
    """A run that has started this one, directly or not, and holds hosts."""

    project: str
    environment: str
    run: str
    secret: str
    hosts: list[str] | None

    def holds(self, project: str, environment: str, host: str) -> bool:
        """Whether it held that host when it started this run."""
        here = (self.project, self.environment) == (project, environment)
        return here and (self.hosts is None or host in self.hosts)


class Inheritance:
    """The leases within which this run works on an environment.

    Args:
        project: The project's name.
        environment: The environment's.
        variables: This process's environment.

    Raises:
        UsageError: The variable isn't what a run of cdconf has written there.
    """

    def __init__(self, project: str, environment: str, variables: Mapping[str, str] = os.environ) -> None:
        self._project = project
        self._environment = environment
        self.links = lent(variables)

    def around(self, host: str) -> LeaseLink | None:
        """The innermost run that has started this one and holds the host; None: it takes the lease for itself."""
        holding = [link for link in self.links if link.holds(self._project, self._environment, host)]
        return holding[-1] if holding else None

    def lend(self, identity: RunIdentity, hosts: Iterable[str]) -> dict[str, str]:
        """The variable for what a run starts while it holds hosts."""
        own = LeaseLink(self._project, self._environment, identity.run, identity.secret, sorted(hosts))
        text = _dumps([*self.links, own])
        if len(text) > _LONGEST:
            text = _dumps([*self.links, LeaseLink(self._project, self._environment, own.run, own.secret, None)])
        return {LENT: text}


def seal_of(secret: str) -> str:
    """What hosts may know of a secret."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()


def _dumps(links: list[LeaseLink]) -> str:
    return json.dumps([asdict(link) for link in links], separators=(",", ":"))


def lent(variables: Mapping[str, str] = os.environ) -> list[LeaseLink]:
    """The runs that have started this one and hold hosts, the outermost first.

    Raises:
        UsageError: The variable isn't what a run of cdconf has written there.
    """
    text = variables.get(LENT)
    if not text:
        return []
    try:
        return [_link(load) for load in json.loads(text)]
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            f"the environment variable {LENT} isn't what cdconf writes there",
            hint=f"only commands that cdconf starts have it: `unset {LENT}`",
        ) from error


def _link(data: dict[str, Any]) -> LeaseLink:
    link = LeaseLink(**data)
    texts = (link.project, link.environment, link.run, link.secret)
    hosts = [] if link.hosts is None else link.hosts
    if not isinstance(hosts, list) or not all(isinstance(one, str) for one in (*texts, *hosts)):
        raise TypeError("a field of another type")
    return link
