"""What `status -v` shows of apps: what brings each service to a release, where it works; and which packages it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cdconf.cli.show.tables import show

if TYPE_CHECKING:
    from cdconf.cli.flags import Flags

COUNTS = {
    "restart": "its main process runs from the release",
    "none": "it hasn't failed",
}
TOLD = "a process in the release, or none in any"


def closely(flags: Flags) -> dict[str, Any]:
    """What makes agents look at the units' processes, as `-v` does."""
    return {"closely": True} if flags.verbose else {}


def show_units(pages: Mapping[str, Mapping[str, Mapping[str, Any]]], flags: Flags) -> None:
    """Prints a table with a line for each service, and one for what's installed; nothing without `-v`.

    Args:
        pages: Host -> app -> what its agent's `app.status` says.
        flags: Whether it's verbose.
    """
    if not flags.verbose:
        return
    rows = [row for host, apps in pages.items() for name, page in apps.items() for row in unit_rows(host, name, page)]
    if rows:
        print()
        show(["host", "app", "service", "state", "activated by", "counts as running", "works in"], rows, set())
    installed = [
        [host, name, path, there]
        for host, apps in pages.items()
        for name, page in apps.items()
        for path, there in (page["releases"].get(page["linked"], {}).get("packages") or {}).items()
    ]
    if installed:
        print()
        show(["host", "app", "packages", "installed as"], installed, set())


def unit_rows(host: str, app: str, page: Mapping[str, Any]) -> list[list[str]]:
    """The table's lines of one app on a host."""
    stopped = (page["activating"] or {}).get("stopped", ())
    return [
        [host, app, name, _state(page, name, stopped), about["activate"], _counts(about), _where(about["works_in"])]
        for name, about in (page.get("units") or {}).items()
    ]


def _state(page: Mapping[str, Any], name: str, stopped: object) -> str:
    state = str((page.get("services") or {}).get(name, "unknown"))
    return f"{state}, stopped for a migration" if isinstance(stopped, list) and name in stopped else state


def _counts(about: Mapping[str, Any]) -> str:
    return COUNTS.get(about["activate"], TOLD)


def _where(releases: list[str] | None) -> str:
    return "can't be told" if releases is None else ", ".join(releases) or "no release"
