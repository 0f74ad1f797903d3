"""Decides what `drift --fix` mends, where, and what it leaves with which command. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdconf.agent.converge.handlers import NOTIFIED
from cdconf.drift.mendable import RELEASE_FIRST, ReleaseMend
from cdconf.events import Event, ResourceDone

if TYPE_CHECKING:
    from cdconf.events import HostResult

Names = tuple[str, str, str]  # host, type, title
Deployed = tuple[str, str, str]  # app, version, archive
_FOUND = ("would_change", "orphaned", "unknown")


@dataclass(frozen=True)
class Fixing:
    """What a look has decided.

    Attributes:
        mendable: What is mended.
        targets: The hosts on which something is.
        release_first: Host -> why none of its findings is mended: its release is left as it is.
        releases_left: (host, app) -> why a release is left.
        deployments: What is deployed again, and to which hosts.
    """

    mendable: tuple[Names, ...]
    targets: frozenset[str]
    release_first: Mapping[str, str]
    deployments: Mapping[Deployed, frozenset[str]]
    releases_left: Mapping[tuple[str, str], ReleaseMend] = field(default_factory=dict)

    @property
    def with_resources(self) -> frozenset[str]:
        """The hosts on which more than releases is mended."""
        return frozenset(host for host, kind, _ in self.mendable if kind not in ("release", "toggles"))


def fixing(events: Iterable[Event], hosts: Collection[str], releases: Mapping[tuple[str, str], ReleaseMend]) -> Fixing:
    """What is mended after a look.

    Args:
        events: What the look has told.
        hosts: The names of the run's hosts.
        releases: (host, app) -> what is done about a release that isn't as it was deployed.
    """
    mended = [
        event for event in events if isinstance(event, ResourceDone) and _is_mended(event) and event.host in hosts
    ]
    made = {host: {resource_done.title for resource_done in mended if resource_done.host == host} for host in hosts}
    releases = {(host, app): mend.without_files(made.get(host, ())) for (host, app), mend in releases.items()}
    left = {which: mend for which, mend in releases.items() if mend.way is None}
    first = {host: RELEASE_FIRST for host, _ in left}
    found = [
        (resource_done.host, resource_done.type, resource_done.title)
        for resource_done in mended
        if resource_done.host not in first
    ]
    deployments: dict[Deployed, frozenset[str]] = {}
    for (host, app), mend in releases.items():
        if mend.way == "deploy" and host not in first:
            about = (app, mend.version, mend.archive)
            deployments[about] = deployments.get(about, frozenset()) | {host}
    return Fixing(tuple(found), frozenset(host for host, _, _ in found), first, deployments, left)


def _is_mended(event: ResourceDone) -> bool:
    return event.status == "would_change" and event.left is None and not _follows(event)


def _follows(event: ResourceDone) -> bool:
    """Whether it's a handler that only a change of the run would make due."""
    return event.type == "handler" and (event.message or "").startswith(NOTIFIED)


@dataclass(frozen=True, slots=True)
class LeftFinding:
    """A finding that is left as it is.

    Attributes:
        host: The host.
        type: Its type.
        title: Its title.
        why: Why it's left.
        repair: The command that mends it, in backquotes; None where nobody knows one.
    """

    host: str
    type: str
    title: str
    why: str
    repair: str | None

    def document(self) -> dict[str, str | None]:
        """The same for the JSON document."""
        return {"host": self.host, "type": self.type, "title": self.title, "why": self.why, "repair": self.repair}


def left_of(hosts: Mapping[str, HostResult], environment: str) -> list[LeftFinding]:
    """What is left on hosts, but for what is waived.

    Args:
        hosts: Name -> what was told of it.
        environment: The environment's name, for commands.
    """
    return [
        LeftFinding(
            resource_done.host,
            resource_done.type,
            resource_done.title,
            resource_done.left or "",
            _repair(resource_done, environment),
        )
        for result in hosts.values()
        for resource_done in _last(result.resources)
        if resource_done.status in _FOUND and resource_done.left is not None and resource_done.waived is None
    ]


def _last(events: Sequence[ResourceDone]) -> Iterable[ResourceDone]:
    """What was said last of each resource."""
    return {(event.type, event.title, event.source): event for event in events}.values()


def _repair(event: ResourceDone, environment: str) -> str | None:
    if event.repair is not None:
        return event.repair
    prune = " --prune" if event.status == "orphaned" else ""
    verb = "plan" if event.status == "unknown" else "provision"
    return f"`cdconf {verb} {environment} --limit {event.host}{prune}`"
