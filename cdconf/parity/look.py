"""Looks at one host: its facts, what its resources really are, its releases and toggles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdconf.catalog.unions import unions
from cdconf.parity.model import Portrait, Sight
from cdconf.parity.sealed_values import unsealed
from cdconf.parity.toggles import look_at_toggles

if TYPE_CHECKING:
    from cdconf.catalog import Catalog
    from cdconf.inventory import App
    from cdconf.session import Session
    from cdconf.session.app_answers import AppStatus

# Groups of facts that say what a host is, besides those that its templates read.
GROUPS = ("os", "system", "virtualisation", "cpu", "memory")


def look(session: Session, portrait: Portrait, catalog: Catalog, key: str, apps: Sequence[App]) -> Portrait:
    """The portrait with what the host shows; changes nothing there.

    Args:
        session: The host's session; it needs no lease.
        portrait: What it should be.
        catalog: Likewise, for the agent.
        key: The run's key, 64 hex digits.
        apps: The apps that the host serves.

    Raises:
        CdconfError: The host doesn't answer, or the agent fails.
    """
    types = {resource.type: list(resource.portrayed) for resource in portrait.wanted.values() if resource.portrayed}
    catalog = replace(catalog, resources=unions(catalog.resources))
    told = session.portray(catalog=catalog.document(), key=key, portrayed=types)
    states = {
        name: unsealed(key, state, portrait.wanted[name].fields) if isinstance(state, dict) else state
        for name, state in told["states"].items()
        if name in portrait.wanted  # a host may tell of what nobody asked for
    }
    pages = {app.name: _page(session, app) for app in apps}
    releases = {name: _release(page) for name, page in pages.items()}
    waiting = {app.name: _services(app) for app in apps if _is_unreleased(pages[app.name])}
    toggles = {app.name: look_at_toggles(session, app) for app in apps if app.toggles}
    session.facts.get(GROUPS)
    sight = Sight(states, told["orphans"], releases, toggles, waiting)
    return replace(portrait, facts=leaves(session.facts.known), sight=sight)


def _page(session: Session, app: App) -> AppStatus:
    return session.app_status(app.known)


def _services(app: App) -> tuple[str, ...]:
    return tuple(service.removesuffix(".service") for service in app.services)


def _is_unreleased(page: AppStatus) -> bool:
    """Whether the host has never held a release: one that was taken away from it by hand isn't a first one."""
    return page["linked"] is None and not page["verified"] and page["activating"] is None


def _release(page: AppStatus) -> dict[str, str | None]:
    """Which release runs, and why it doesn't if it doesn't; a first one that isn't there is no problem."""
    return {"release": page["linked"], "problem": page["problem"] if page["linked"] else None}


def leaves(facts: Mapping[str, Any]) -> dict[str, Any]:
    """`{"os.version": "12", …}` of nested facts; lists count as one value."""
    return dict(_leaves("", facts))


def _leaves(above: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        path = f"{above}.{name}" if above else name
        if isinstance(value, dict) and value:
            yield from _leaves(path, value)
        else:
            yield path, value
