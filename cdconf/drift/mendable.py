"""Decides what `drift --fix` does about an app's release on a host. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cdconf.drift.releases import drifted, repaired_by, under_way
from cdconf.drift.shared import Changes, lacking, replaced, shared_repair

if TYPE_CHECKING:
    from cdconf.inventory import App

Way = Literal["deploy", "restart"]
RELEASE_FIRST = "its release isn't the verified one, and that comes first"
WAIVED = "it's waived"
SHARED_DIFFER = "cdconf.yml has other shared paths than were deployed"


@dataclass(frozen=True, slots=True)
class ReleaseLook:
    """What is known of an app's release on a host.

    Attributes:
        page: What the agent's `app.status` says.
        lease: The host's lease, if somebody holds it.
        changes: How the current release's files and shared paths differ from what was deployed.
        toggles_differ: Whether its toggles aren't as the files want them, for another reason than a change by hand.
    """

    page: Mapping[str, Any]
    lease: Mapping[str, Any] | None = None
    changes: Changes = ()
    toggles_differ: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether anything isn't as it was deployed, besides what runs."""
        return bool(self.changes)


@dataclass(frozen=True, slots=True)
class ReleaseMend:
    """What's done about a release that isn't as it was deployed.

    Attributes:
        way: `deploy`: the verified release is deployed again; `restart`: its services are; None: it's left.
        version: The verified release's version; with `deploy`.
        archive: The SHA-256 of its archive; with `deploy`.
        release: Its name on the host; with `deploy`.
        left: Why it's left.
        repair: The command that mends what is left.
        needs: Shared files that a deployment needs, and somebody has removed.
    """

    way: Way | None = None
    version: str = ""
    archive: str = ""
    release: str = ""
    left: str | None = None
    repair: str | None = None
    needs: tuple[str, ...] = ()

    def without_files(self, made: Collection[str]) -> ReleaseMend:
        """The same, where these files are made before; it's left if that's not all that it needs."""
        missing = [one for one in self.needs if one not in made]
        if not missing:
            return self
        return ReleaseMend(left=f"a shared file isn't there, and no role makes it: {missing[0]}", repair=self.repair)


def decide(look: ReleaseLook, app: App, environment: str) -> ReleaseMend | None:
    """What's done about the app's release; None when it's as it was deployed.

    Args:
        look: What is known of it.
        app: The app.
        environment: The environment's name, for commands.
    """
    page = look.page
    if not drifted(page, look.lease) and not look.is_changed:
        return None
    verified = page["verified"][-1] if page["verified"] else ""
    about = page["releases"].get(verified)
    left = _unknown(look, about)
    deploy = repaired_by(page, look.lease, app.name, environment)
    repair = shared_repair(app, look.changes, deploy, f"`cdconf provision {environment}`")
    if left is None and about is not None and (pin := page["pinned"].get(about["archive"])) is not None:
        left = f"{verified} is pinned, because it failed: {pin['reason']}"
        repair = f"`cdconf rollback {environment} {app.name}`"
    if left is not None or about is None:
        return ReleaseMend(left=left, repair=repair)
    if page["linked"] == verified and not look.is_changed:
        return ReleaseMend("restart")
    left = _besides(look, about, app)
    if left is not None:
        return ReleaseMend(left=left, repair=repair)
    needs = tuple(lacking(app, look.changes))
    return ReleaseMend(
        "deploy", about["version"], about["archive"], verified, repair=repair if needs else None, needs=needs
    )


def _unknown(look: ReleaseLook, about: object) -> str | None:
    """Why it isn't known which release belongs there."""
    if look.page["activating"] is not None:
        return f"a deployment {'is under way' if under_way(look.page, look.lease) else 'was interrupted'}"
    return None if about is not None else "no release is known and verified here"


def _besides(look: ReleaseLook, about: Mapping[str, Any], app: App) -> str | None:
    """What a deployment would change besides the release."""
    others = replaced(app, look.changes)
    if others:
        return f"something else is in the place of what is shared: {others[0]}"
    if look.toggles_differ:
        return "a deployment would change its toggles, too"
    if tuple(about.get("shared") or ()) != app.shared.paths:
        return "a deployment would change its shared paths, too"
    return None
