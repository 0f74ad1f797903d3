"""Hosts that have never held a release of an app: what only a release brings can't be alike there yet.

An app's services are started by its first deployment (ADR 64), so a host that waits for it differs in that from one
that serves, and from nothing that somebody did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from cdconf.parity.causes import InputDifferences
from cdconf.parity.model import DesiredResource, Portrait, Unreleased

Sides = tuple[frozenset[str], frozenset[str]]


def unreleased(portraits: Sequence[Portrait]) -> Iterator[Unreleased]:
    """The apps of which an environment's hosts have never held a release.

    Args:
        portraits: The environment's hosts; those that weren't looked at count for nothing.
    """
    seen = [portrait for portrait in portraits if portrait.sight is not None]
    apps = dict.fromkeys(app for portrait in seen if portrait.sight is not None for app in portrait.sight.unreleased)
    for app in apps:
        having = [portrait for portrait in seen if portrait.sight is not None and app in portrait.sight.releases]
        hosts = [
            portrait.host for portrait in having if portrait.sight is not None and app in portrait.sight.unreleased
        ]
        yield Unreleased(seen[0].environment, app, tuple(hosts), everywhere=len(hosts) == len(having))


def service_waits(wanted: DesiredResource, name: str, values: tuple[Any, Any], causes: InputDifferences) -> str | None:
    """Why a service differs, when it's an app's on a host that has never held a release of that.

    Args:
        wanted: The resource.
        name: The field in which the two differ; `exists` for the unit itself.
        values: Theirs.
        causes: The two hosts.
    """
    if wanted.type != "service" or name not in ("running", "exists"):
        return None
    for side, value in zip((causes.ours, causes.theirs), values, strict=True):
        for app, services in side.sight.unreleased.items() if side.sight is not None else ():
            if wanted.title.removesuffix(".service") in services and value not in (True, "there"):
                return reason(side.environment, app)
    return None


def toggles_wait(app: str, off: Collection[str], causes: InputDifferences) -> str | None:
    """Why an app's toggles differ on two hosts, when only those aren't right that have never held a release of it.

    Args:
        app: The app.
        off: The environments whose host isn't as the files have it.
        causes: The two hosts.
    """
    waiting = [
        portrait.environment
        for portrait in (causes.ours, causes.theirs)
        if portrait.sight is not None and app in portrait.sight.unreleased
    ]
    return reason(waiting[0], app) if off and set(off) <= set(waiting) else None


def reason(environment: str, app: str) -> str:
    """What's to be said of it."""
    return f"{environment} has no release of {app} yet"
