"""Which release a rollback goes to, and which it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cdconf.agent.records.ledger import in_turn
from cdconf.databases.applied_migrations import Shape
from cdconf.errors import GateClosed, Pinned, first_line

if TYPE_CHECKING:
    from cdconf.inventory import App

Pages = Mapping[str, Mapping[str, Any]]


def previous(pages: Pages, app: App, stopped: Callable[[set[str]], set[str]] = lambda archives: set()) -> str:
    """What the hosts agree to go back to: the last verified release, or the one before it if that's running.

    A host that has nothing to go back to, since it's new, goes with the others.

    Args:
        pages: What each host knows of the app.
        app: The app.
        stopped: Tells which of some archives were stopped: nobody goes back to them unasked.

    Raises:
        GateClosed: They don't agree, or there's nothing left to go back to.
    """
    archives = {about.get("archive") for page in pages.values() for about in page["releases"].values()}
    gone = stopped(archives)
    targets: set[str] = set()
    skipped: set[str] = set()
    for page in pages.values():
        here = in_turn([name for name in page["verified"] if name in page["releases"]])
        running = here[-1:] == [page["linked"]] and page["activating"] is None
        before = [name for name in here[:-1] if name != here[-1]] if running else here
        left = [name for name in before if page["releases"][name].get("archive") not in gone]
        targets.update(left[-1:])
        skipped.update(name for name in before if name not in left)
    if len(targets) > 1:
        names = ", ".join(sorted(targets))
        raise GateClosed(
            f"the hosts would go back to different releases of '{app.name}': {names}",
            hint="deploy the one that you want: `cdconf deploy APP@VERSION --to ENV`",
        )
    if not targets and skipped:
        text = f"there is no earlier verified release of '{app.name}' that isn't stopped: {', '.join(sorted(skipped))}"
        raise GateClosed(text, hint="`--to VERSION` goes back to one all the same")
    if not targets:
        text = f"there is no earlier verified release of '{app.name}' to go back to"
        raise GateClosed(text, hint=Shape.of(pages).why_no_further())
    return targets.pop()


def left_releases(pages: Pages, target: str) -> list[dict[str, Any]]:
    """What ran before a rollback and isn't its target, as hosts know it: `{"version", "archive", "tree"}` each."""
    found = {}
    for page in pages.values():
        name = page["linked"]
        if name is not None and name != target and name in page["releases"]:
            found[name] = page["releases"][name]
    return list(found.values())


def of_version(pages: Pages, app: App, version: str) -> str:
    """The verified release of a version.

    Raises:
        GateClosed: No host has one; there are several; it was pinned since.
    """
    known: dict[str, dict[str, Any]] = {
        name: page["releases"][name] for page in pages.values() for name in page["verified"] if name in page["releases"]
    }
    found = [name for name, about in known.items() if about["version"] == version]
    if len(found) != 1:
        what = f"is verified on no host of '{app.name}'" if not found else f"means {' or '.join(sorted(found))}"
        there = ", ".join(dict.fromkeys(about["version"] for about in known.values()))
        raise GateClosed(f"version {version} {what}", hint=f"verified versions: {there or 'none'}")
    for name, page in pages.items():
        pin = page["pinned"].get(known[found[0]]["archive"])
        if pin is not None:
            reason = first_line(str(pin["reason"]))
            raise Pinned(f"version {version} is pinned, because it failed on {name}: {reason}")
    return found[0]
