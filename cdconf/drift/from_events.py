"""Findings, made of what a run of `drift` has told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cdconf.drift.findings import Cause, Finding

if TYPE_CHECKING:
    from cdconf.events import HostResult, ResourceDone

_FOUND = ("would_change", "unknown", "orphaned")


def findings_of(hosts: Mapping[str, HostResult]) -> tuple[Finding, ...]:
    """What a run of `drift` has found, host by host.

    Args:
        hosts: What the run's collector has.
    """
    resources = [one for host in hosts.values() for one in host.resources if one.status in _FOUND]
    return tuple(
        Finding(
            *(one.host, one.type, one.title, _cause(one), one.source, one.diff, one.message),
            repair=one.repair.strip("`") if one.repair else None,
        )
        for one in resources
    )


def _cause(one: ResourceDone) -> Cause:
    if one.status == "unknown":
        return "unknown"
    return "by_hand" if one.by_hand else "not_applied"
