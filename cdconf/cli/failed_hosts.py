"""Sums up what failed on a run's hosts, so that the run's own end says it, too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cdconf.errors import FAILED, UNREACHABLE, CdconfError, HostsFailed, Unreachable, first_line
from cdconf.events import HostResult

_PLACE = re.compile("(.+):([0-9]{1,9})", re.DOTALL)  # what a host says of an orphan may be anything


@dataclass(frozen=True)
class _Failure:
    text: str
    source: str | None = None


def summed_up(hosts: Mapping[str, HostResult], code: int) -> CdconfError | None:
    """The error of a run that ended with exit code 1 or 4 without one; None for other codes.

    It names the first failure with its file and line, and counts the others.
    """
    if code not in (FAILED, UNREACHABLE):
        return None
    kind = "failed" if code == FAILED else "unreachable"
    found = [failure for name, host in hosts.items() for failure in _failures(name, host, kind)]
    if not found:
        return None
    first, more = found[0], len(found) - 1
    text = first.text + (f" (and {more} more failure{'' if more == 1 else 's'})" if more else "")
    if code == UNREACHABLE:
        return Unreachable(text)
    place = _PLACE.fullmatch(first.source or "")
    left = sum(len(host.not_attempted) for host in hosts.values())
    hint = f"{left} resource{' was' if left == 1 else 's were'} not attempted" if left else None
    return HostsFailed(text, file=place and place[1], line=int(place[2]) if place else None, hint=hint)


def _failures(name: str, host: HostResult, kind: str) -> Iterator[_Failure]:
    failed = [resource for resource in host.resources if resource.status == "failed"] if kind == "failed" else []
    for resource_done in failed:
        said = f": {first_line(resource_done.message)}" if resource_done.message else ""
        yield _Failure(f"{name}: {resource_done.type} {resource_done.title} failed{said}", resource_done.source)
    if not failed and host.status == kind:
        yield _Failure(f"{name}: {first_line(host.error or kind)}")
